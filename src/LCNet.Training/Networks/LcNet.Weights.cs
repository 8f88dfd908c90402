using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <content>Where weights come from, other than from training: initial values, other networks, some of the channels, half precision.</content>
public sealed partial class LcNet
{
    /// <summary>Makes the stem's filters the principal components of the images' patches.</summary>
    /// <param name="images">[N, 3, H, W], normalised.</param>
    internal void BeginStemAsComponentsOf(Tensor images)
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        int kernel = Spec.Stem == StemKind.Cifar ? 3 : 7;
        int stride = Spec.Stem == StemKind.Cifar ? 1 : 2;

        // [N, 3·k·k, places], each column a patch laid out as a filter.
        Tensor patches = functional.unfold(images.contiguous(), kernel, stride: stride);
        _stem.BeginAsComponentsOf(patches.permute(0, 2, 1).reshape(-1, patches.shape[1]));
    }

    /// <summary>
    /// Makes gates decide at random by image, at a price of 0: each block runs for about a share of images like these, and each channel is kept for about
    /// another, as far as what enters a block is what enters it in the dense network.
    /// </summary>
    /// <param name="images">Normalised images, [N, 3, H, W].</param>
    /// <param name="run">In (0, 1).</param>
    /// <param name="keep">In (0, 1).</param>
    public void OpenGatesAtRandom(Tensor images, double run, double keep)
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        IReadOnlyList<Tensor> inputs = BlockInputs(images);
        int span = 0;
        foreach ((int first, _) in Spec.Spans())
        {
            Tensor pooled = Pool(inputs[first]);
            _layerGates[span].BeginAtRandom(pooled, run);
            _channelGates[span++].BeginAtRandom(pooled, keep);
        }
    }

    /// <summary>
    /// Makes the statistics of every batch norm those of some images, and each filter's output of variance 1 on them, while the network computes what it did. So what is
    /// trained on has the statistics that evaluation uses, and steps of the same size mean the same, wherever weights come from.
    /// </summary>
    /// <param name="batches">Normalised images, [N, 3, H, W] each. They are disposed.</param>
    internal void MeasureStatistics(IEnumerable<Tensor> batches)
    {
        eval();
        ConvBn[] layers = [.. modules().OfType<ConvBn>()];
        foreach (ConvBn layer in layers)
        {
            layer.BeginMeasuring();
        }

        foreach (Tensor batch in batches)
        {
            using var uncollected = UncollectedRegion.Open();
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            BlockInputs(batch);
            batch.Dispose();
        }

        foreach (ConvBn layer in layers)
        {
            using var uncollected = UncollectedRegion.Open();
            layer.EndMeasuring();
        }
    }

    /// <summary>Makes running statistics those of the last batch alone.</summary>
    internal void TakeStatisticsFromOneBatch()
    {
        foreach (Module module in modules())
        {
            if (module is BatchNorm2d maps)
            {
                maps.momentum = 1;
            }
        }
    }

    /// <summary>Takes over all weights and statistics but those of gates.</summary>
    /// <param name="source">A network of the same backbone.</param>
    internal void CopyBackboneFrom(LcNet source) => Copy(source, name => !IsOfGate(name));

    /// <summary>Takes over gates and prices.</summary>
    /// <param name="source">A network of the same architecture.</param>
    internal void CopyGatesFrom(LcNet source) => Copy(source, IsOfGate);

    /// <summary>The same network with some of the inner channels of each block, in evaluation mode. Gates decide about those alone.</summary>
    /// <param name="channels">For each block the ascending indices of its channels, at least one.</param>
    public LcNet WithChannels(IReadOnlyList<long[]> channels)
    {
        using var uncollected = UncollectedRegion.Open();
        var network = new LcNet(Spec with { InnerChannels = [.. channels.Select(kept => kept.Length)] });
        using var scope = NewDisposeScope();
        network._stem.CopyFrom(_stem, null, null);
        Tensor[] indices = [.. channels.Select(kept => tensor(kept))];
        for (int block = 0; block < indices.Length; block++)
        {
            network._blocks[block].CopyFrom(_blocks[block], indices[block]);
        }

        int span = 0;
        foreach ((int first, int count) in Spec.Spans())
        {
            long offset = 0;
            var ofSpan = new List<Tensor>();
            for (int block = first; block < first + count; block++)
            {
                ofSpan.Add(indices[block] + offset);
                offset += _blocks[block].Shape.InnerChannels;
            }

            network._layerGates[span].CopyFrom(_layerGates[span], null);
            network._channelGates[span].CopyFrom(_channelGates[span], cat(ofSpan));
            span++;
        }

        using var noGrad = no_grad();
        network._head.weight!.copy_(_head.weight!);
        network._head.bias!.copy_(_head.bias!);
        network.Prices = Prices;
        network.eval();
        return network;
    }

    /// <summary>Rounds the weights of all convolutions and of the head to half precision; batch norm is folded into them before. Gates stay as they are.</summary>
    public void RoundToHalf()
    {
        using var uncollected = UncollectedRegion.Open();
        using var noGrad = no_grad();
        _stem.RoundToHalf();
        foreach (ResidualBlock block in _blocks)
        {
            block.RoundToHalf();
        }

        using Tensor rounded = _head.weight!.to_type(ScalarType.Float16);
        _head.weight!.copy_(rounded);
    }

    private void Copy(LcNet source, Func<string, bool> isMeant)
    {
        using var uncollected = UncollectedRegion.Open();
        using var noGrad = no_grad();
        Dictionary<string, Tensor> own = state_dict();
        foreach ((string name, Tensor value) in source.state_dict().Where(entry => isMeant(entry.Key)))
        {
            own[name].copy_(value);
        }
    }
}
