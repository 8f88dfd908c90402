using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <summary>A residual network with the gates of LC-Net (Xia et al. 2020, arXiv 2007.15151). Not thread-safe.</summary>
public sealed class LcNet : Module
{
    private const double LayerBound = 1.8;
    private const double ChannelBound = 2.5;
    private const double InitialShift = 1.5;

    private readonly ConvBn _stem;
    private readonly ModuleList<ResidualBlock> _blocks;
    private readonly ModuleList<Gate> _layerGates;
    private readonly ModuleList<Gate> _channelGates;
    private readonly Linear _head;

    /// <summary>Makes a network with random weights, drawn from torch's random generator.</summary>
    public LcNet(ResNetSpec spec)
        : base("lcnet")
    {
        ArgumentNullException.ThrowIfNull(spec);
        Spec = spec;
        using var uncollected = UncollectedRegion.Open();
        IReadOnlyList<BlockShape> shapes = spec.Blocks();
        _stem = spec.Stem == StemKind.Cifar ? new ConvBn("stem", 3, spec.Width, 3) : new ConvBn("stem", 3, spec.Width, 7, stride: 2);
        _blocks = new ModuleList<ResidualBlock>([.. shapes.Select((shape, i) => new ResidualBlock($"block{i}", spec.Kind, shape))]);
        _head = Linear(shapes[^1].OutputChannels, spec.Classes);
        _layerGates = [];
        _channelGates = [];
        foreach ((int first, int count) in spec.Spans())
        {
            int features = shapes[first].InputChannels;
            int channels = shapes.Skip(first).Take(count).Sum(shape => shape.InnerChannels);
            _layerGates.Add(new Gate($"layers{first}", features, count, LayerBound, InitialShift, spec.Gates.HasFlag(GateKinds.Layers)));
            _channelGates.Add(new Gate($"channels{first}", features, channels, ChannelBound, InitialShift, spec.Gates.HasFlag(GateKinds.Channels)));
        }

        RegisterComponents();
        Cost = new NetworkCost(spec);
    }

    /// <summary>The architecture.</summary>
    public ResNetSpec Spec { get; }

    /// <summary>What the network and its parts cost.</summary>
    public NetworkCost Cost { get; }

    internal ConvBn Stem => _stem;

    internal IReadOnlyList<ResidualBlock> Blocks => [.. _blocks];

    internal IReadOnlyList<Gate> LayerGates => [.. _layerGates];

    internal IReadOnlyList<Gate> ChannelGates => [.. _channelGates];

    internal Linear Head => _head;

    /// <summary>Runs a batch.</summary>
    /// <param name="images">Normalised images, [N, 3, H, W].</param>
    /// <param name="effort">[N, 1] in (0, 1]; null opens every gate (the dense network).</param>
    public LcNetOutput Forward(Tensor images, Tensor? effort)
    {
        using var uncollected = UncollectedRegion.Open();
        Tensor x = functional.relu(_stem.call(images), inplace: true);
        x = Spec.Stem == StemKind.Cifar ? x : functional.max_pool2d(x, 3, 2, 1);
        var layers = new List<Tensor>();
        var channels = new List<Tensor>();
        var margins = new List<Tensor>();
        Tensor? share = null;
        int span = 0;
        foreach ((int first, int count) in Spec.Spans())
        {
            if (effort is null)
            {
                for (int block = first; block < first + count; block++)
                {
                    x = _blocks[block].Run(x, null, null);
                }

                continue;
            }

            Tensor pooled = x.mean([2, 3]);
            Decision layer = _layerGates[span].Decide(pooled, effort);
            Decision channel = _channelGates[span++].Decide(pooled, effort);
            margins.Add(layer.Margin);
            int offset = 0;
            for (int i = 0; i < count; i++)
            {
                ResidualBlock block = _blocks[first + i];
                int width = block.Shape.InnerChannels;
                Tensor channelSalience = channel.Salience.narrow(1, offset, width);

                // A block with no channel kept is a skipped block: its last convolution has nothing to read.
                Tensor layerSalience = layer.Salience.select(1, i) * (channelSalience > 0).any(1).to_type(ScalarType.Float32);
                Tensor kept = FlopsLoss.Keep(channel.Margin.narrow(1, offset, width)).sum(1);
                Tensor cost = FlopsLoss.Keep(layer.Margin.select(1, i))
                    * ((kept * block.Flops.PerChannel) + (kept * kept * block.Flops.PerChannelSquared)) / Cost.Dense;
                share = share is null ? cost : share + cost;
                x = block.Run(x, layerSalience, channelSalience);
                layers.Add(layerSalience);
                channels.Add(channelSalience);
                offset += width;
            }
        }

        return new LcNetOutput(
            _head.call(x.mean([2, 3])),
            layers,
            channels,
            margins.Count == 0 ? null : cat(margins, 1),
            share is null ? null : share + ((double)Cost.Cheapest / Cost.Dense));
    }

    /// <summary>Weights of the backbone's convolutions and head, its other parameters, and those of the gates.</summary>
    internal (IReadOnlyList<Parameter> Decayed, IReadOnlyList<Parameter> Plain, IReadOnlyList<Parameter> Gates) ParameterGroups()
    {
        var decayed = new List<Parameter>();
        var plain = new List<Parameter>();
        var gates = new List<Parameter>();
        foreach ((string name, Parameter parameter) in named_parameters())
        {
            (IsOfGate(name) ? gates : parameter.dim() >= 2 ? decayed : plain).Add(parameter);
        }

        return (decayed, plain, gates);
    }

    /// <summary>Sets every gate so that it is open for about a share of images, at every effort.</summary>
    internal void OpenGatesFor(double layers, double channels)
    {
        using var uncollected = UncollectedRegion.Open();
        foreach (Gate gate in _layerGates)
        {
            gate.OpenFor(layers);
        }

        foreach (Gate gate in _channelGates)
        {
            gate.OpenFor(channels);
        }
    }

    /// <summary>Makes running statistics those of the last batch alone.</summary>
    internal void TakeStatisticsFromOneBatch()
    {
        foreach (Module module in modules())
        {
            if (module is BatchNorm1d scores)
            {
                scores.momentum = 1;
            }
            else if (module is BatchNorm2d maps)
            {
                maps.momentum = 1;
            }
        }
    }

    /// <summary>Takes over all weights and statistics, those of gates only where they were learned for the same spans.</summary>
    internal void CopyFrom(LcNet source)
    {
        using var uncollected = UncollectedRegion.Open();
        using var noGrad = no_grad();
        Dictionary<string, Tensor> own = state_dict();
        foreach ((string name, Tensor value) in source.state_dict())
        {
            if (!IsOfGate(name) || (source.Spec.Span == Spec.Span && source.Spec.Gates.HasFlag(KindOf(name))))
            {
                own[name].copy_(value);
            }
        }
    }

    private static bool IsOfGate(string name) => KindOf(name) != GateKinds.None;

    private static GateKinds KindOf(string name) =>
        name.StartsWith("_layerGates", StringComparison.Ordinal) ? GateKinds.Layers
        : name.StartsWith("_channelGates", StringComparison.Ordinal) ? GateKinds.Channels
        : GateKinds.None;
}

/// <summary>What a forward pass gives.</summary>
/// <param name="Logits">[N, classes].</param>
/// <param name="Layers">A tensor [N] a block: L-Net's salience, 0 where the block is skipped. Empty for the dense network.</param>
/// <param name="Channels">A tensor [N, K] a block: C-Net's salience. Empty for the dense network.</param>
/// <param name="LayerMargins">[N, blocks]: how far each L-Net decision is from the other one; above 0 runs. Null for the dense network.</param>
/// <param name="FlopsShare">
/// [N]: planned over dense FLOPs of each image, with a surrogate gradient, up to blocks left with no channel. Null for the dense network.
/// </param>
public sealed record LcNetOutput(Tensor Logits, IReadOnlyList<Tensor> Layers, IReadOnlyList<Tensor> Channels, Tensor? LayerMargins, Tensor? FlopsShare);
