using LCNet.Bundles;
using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <summary>A residual network with the gates of LC-Net (Xia et al. 2020, arXiv 2007.15151). Not thread-safe.</summary>
public sealed partial class LcNet : Module
{
    /// <summary>Efforts whose prices are learned: the least one, effort 1 and three between them.</summary>
    internal const int PricedEfforts = 5;

    private readonly ConvBn _stem;
    private readonly ModuleList<ResidualBlock> _blocks;
    private readonly ModuleList<Gate> _layerGates;
    private readonly ModuleList<Gate> _channelGates;
    private readonly Linear _head;
    private readonly Tensor _efforts;
    private readonly Tensor _prices;

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
            _layerGates.Add(new Gate($"layers{first}", features, spec.HiddenUnits, count, spec.Gates.HasFlag(GateKinds.Layers)));
            _channelGates.Add(new Gate($"channels{first}", features, 0, channels, spec.Gates.HasFlag(GateKinds.Channels)));
        }

        _efforts = linspace(spec.MinEffort, 1, PricedEfforts);
        _prices = zeros(PricedEfforts);
        register_buffer("_efforts", _efforts);
        register_buffer("_prices", _prices);
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

    /// <summary>
    /// The price of compute at <see cref="ResNetSpec.MinEffort"/>, at effort 1 and at three efforts between them, ascending. Between them it is linear; below
    /// the first it is that of the first. What is set has the same efforts.
    /// </summary>
    public IReadOnlyList<EffortPrice> Prices
    {
        get => [.. Values(_efforts).Zip(Values(_prices), (effort, price) => new EffortPrice(effort, price))];
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            using var noGrad = no_grad();
            using Tensor prices = tensor(value.Select(point => (float)point.Price).ToArray());
            _prices.copy_(prices);
        }
    }

    /// <summary>What is added to prices, and to utilities, where they leave the network: none is negative there.</summary>
    internal double PriceOffset => Math.Max(0, -Prices.Min(point => point.Price));

    /// <summary>The price at an effort.</summary>
    /// <param name="effort">In (0, 1].</param>
    public double PriceAt(double effort) => new PriceCurve(Prices).PriceFor(effort);

    /// <summary>Runs a batch at one effort.</summary>
    /// <param name="images">Normalised images, [N, 3, H, W].</param>
    /// <param name="effort">In (0, 1]; null opens every gate (the dense network).</param>
    public LcNetOutput ForwardAtEffort(Tensor images, double? effort)
    {
        using Tensor? prices = effort is null ? null : full(images.shape[0], 1, (float)PriceAt(effort.Value));
        return Forward(images, prices);
    }

    /// <summary>Runs a batch.</summary>
    /// <param name="images">Normalised images, [N, 3, H, W], in the type that convolutions compute in.</param>
    /// <param name="price">The price of compute for each image, [N, 1]; null opens every gate (the dense network).</param>
    public LcNetOutput Forward(Tensor images, Tensor? price) => Forward(images, price, null);

    /// <summary>Runs a batch the way that somebody else has decided, and says what the gates find on that way.</summary>
    /// <param name="along">Scales of each block: [N] of the branch, 0 where it is skipped, and [N, K] of the channels.</param>
    /// <returns>Logits of that way, and the gates' own saliences, those of a block that no channel runs included.</returns>
    internal LcNetOutput ForwardAlong(Tensor images, double effort, IReadOnlyList<(Tensor Layer, Tensor Channels)> along)
    {
        using Tensor price = full(images.shape[0], 1, (float)PriceAt(effort));
        return Forward(images, price, along);
    }

    private LcNetOutput Forward(Tensor images, Tensor? price, IReadOnlyList<(Tensor Layer, Tensor Channels)>? along)
    {
        using var uncollected = UncollectedRegion.Open();
        Tensor x = RunStem(images);
        var layers = new List<Tensor>();
        var channels = new List<Tensor>();
        var layerUtilities = new List<Tensor>();
        var channelUtilities = new List<Tensor>();
        int span = 0;
        foreach ((int first, int count) in Spec.Spans())
        {
            if (price is null)
            {
                for (int block = first; block < first + count; block++)
                {
                    x = _blocks[block].Run(x, null, null);
                }

                continue;
            }

            Tensor pooled = Pool(x);
            Decision layer = _layerGates[span].Decide(pooled, price);
            Decision channel = _channelGates[span++].Decide(pooled, price);
            int offset = 0;
            for (int i = 0; i < count; i++)
            {
                ResidualBlock block = _blocks[first + i];
                int width = block.Shape.InnerChannels;
                Tensor channelSalience = channel.Salience.narrow(1, offset, width);
                Tensor channelUtility = channel.Utility.narrow(1, offset, width);

                // A block with no channel kept is a skipped block: its last convolution has nothing to read.
                Tensor layerSalience = layer.Salience.select(1, i);
                if (along is null)
                {
                    layerSalience *= (channelUtility > price).any(1).to_type(ScalarType.Float32);
                }

                x = block.Run(x, along?[first + i].Layer ?? layerSalience, along?[first + i].Channels ?? channelSalience);
                layers.Add(layerSalience);
                channels.Add(channelSalience);
                layerUtilities.Add(layer.Utility.select(1, i));
                channelUtilities.Add(channelUtility);
                offset += width;
            }
        }

        return new LcNetOutput(_head.call(Pool(x)), layers, channels, layerUtilities, channelUtilities);
    }

    /// <summary>Planned FLOPs of each image, exactly, gates included.</summary>
    public IReadOnlyList<long> PlannedFlops(LcNetOutput output)
    {
        ArgumentNullException.ThrowIfNull(output);
        long[] flops = new long[output.Logits.shape[0]];
        Array.Fill(flops, Cost.Cheapest);
        for (int block = 0; block < output.Layers.Count; block++)
        {
            BlockFlops cost = Cost.Blocks[block];
            using Tensor kept = ((output.Layers[block] > 0).to_type(ScalarType.Int64) * (output.Channels[block] > 0).sum(1)).cpu().contiguous();
            long[] channels = kept.data<long>().ToArray();
            for (int i = 0; i < flops.Length; i++)
            {
                flops[i] += cost.At((int)channels[i]) - cost.Shortcut;
            }
        }

        return flops;
    }

    /// <summary>Scales of blocks' branches that skip blocks with an identity shortcut at random, each image with a probability of its own.</summary>
    /// <param name="skipping">How many of them, from the first on, skip blocks.</param>
    /// <returns>For each block a tensor [N] of ones and zeros; null where it runs for every image.</returns>
    internal IReadOnlyList<Tensor?> RandomRuns(long images, long skipping)
    {
        Tensor probability = cat([rand(skipping), zeros(images - skipping)]);
        return [.. _blocks.Select(block => block.Shape.IdentityShortcut ? (rand(images) >= probability).to_type(ScalarType.Float32) : null)];
    }

    /// <summary>What enters each block of the network without gates, and what leaves the last one.</summary>
    /// <param name="images">Normalised images, [N, 3, H, W].</param>
    /// <param name="runs">For each block the scale of its branch, [N]: 1 runs it, 0 skips it; null, for all or for one, runs it for every image.</param>
    internal IReadOnlyList<Tensor> BlockInputs(Tensor images, IReadOnlyList<Tensor?>? runs = null)
    {
        List<Tensor> inputs = [RunStem(images)];
        for (int block = 0; block < _blocks.Count; block++)
        {
            inputs.Add(_blocks[block].Run(inputs[^1], runs?[block], null));
        }

        return inputs;
    }

    /// <summary>The logits that the network without gates gives from a block on.</summary>
    /// <param name="block">The first block to run; one more than there are runs the head alone.</param>
    /// <param name="x">What enters it.</param>
    /// <param name="runs">As in <see cref="BlockInputs"/>.</param>
    internal Tensor RunFrom(int block, Tensor x, IReadOnlyList<Tensor?>? runs = null)
    {
        for (int next = block; next < _blocks.Count; next++)
        {
            x = _blocks[next].Run(x, runs?[next], null);
        }

        return _head.call(Pool(x));
    }

    /// <summary>Weights of the backbone's convolutions and head, and its other parameters. Those of gates are fitted, not trained.</summary>
    internal (IReadOnlyList<Parameter> Decayed, IReadOnlyList<Parameter> Plain) ParameterGroups()
    {
        var decayed = new List<Parameter>();
        var plain = new List<Parameter>();
        foreach ((string name, Parameter parameter) in named_parameters())
        {
            if (!IsOfGate(name))
            {
                (parameter.dim() >= 2 ? decayed : plain).Add(parameter);
            }
        }

        return (decayed, plain);
    }

    /// <summary>What gates and the head see of a map: the means of its channels, in float32 whatever the map is in.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <returns>[N, C].</returns>
    internal static Tensor Pool(Tensor x) => x.mean([2, 3], type: ScalarType.Float32);

    private Tensor RunStem(Tensor images)
    {
        Tensor x = functional.relu(_stem.call(images), inplace: true);
        return Spec.Stem == StemKind.Cifar ? x : functional.max_pool2d(x, 3, 2, 1);
    }

    private static float[] Values(Tensor tensor)
    {
        using Tensor values = tensor.cpu();
        return values.data<float>().ToArray();
    }

    private static bool IsOfGate(string name) =>
        name.StartsWith("_layerGates", StringComparison.Ordinal) || name.StartsWith("_channelGates", StringComparison.Ordinal)
        || name is nameof(_efforts) or nameof(_prices);
}

/// <summary>What a forward pass gives.</summary>
/// <param name="Logits">[N, classes].</param>
/// <param name="Layers">A tensor [N] a block: L-Net's salience, 0 where the block is skipped. Empty for the dense network.</param>
/// <param name="Channels">A tensor [N, K] a block: C-Net's salience. Empty for the dense network.</param>
/// <param name="LayerUtilities">A tensor [N] a block: what L-Net finds the block worth; above the price it runs. Empty for the dense network.</param>
/// <param name="ChannelUtilities">A tensor [N, K] a block: the same of C-Net. Empty for the dense network.</param>
public sealed record LcNetOutput(
    Tensor Logits, IReadOnlyList<Tensor> Layers, IReadOnlyList<Tensor> Channels, IReadOnlyList<Tensor> LayerUtilities, IReadOnlyList<Tensor> ChannelUtilities);
