using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Networks;

public class MeasureStatisticsTests
{
    private const int Images = 24;

    [Theory]
    [InlineData(BlockKind.Basic)]
    [InlineData(BlockKind.Bottleneck)]
    public void MeasureStatistics_AnyNetwork_KeepsWhatItComputesAndFitsTheImages(BlockKind kind)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(3);
        using LcNet network = Make(kind);
        Tensor images = (randn(Images, 3, 16, 16) * 2) + 1;
        Tensor before = network.Forward(images, null).Logits;
        Tensor apart = Trained(network, images) - before;

        network.MeasureStatistics([.. images.split(8).Select(part => part.clone())]);

        Assert.True(allclose(before, network.Forward(images, null).Logits, 1e-4, 1e-4));

        // Torch's own batch norm over these very images now does the same as the running statistics do, which it did not before.
        Assert.True(apart.abs().max().ToDouble() > 0.05);
        Assert.True((Trained(network, images) - before).abs().max().ToDouble() < 1e-3);
    }

    [Fact]
    public void MeasureStatistics_FiltersOfAnyScale_GiveTheSameWeights()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(4);
        using LcNet network = Make(BlockKind.Basic);
        using LcNet scaled = new(network.Spec);
        scaled.CopyBackboneFrom(network);

        // As where batch norm is folded into them.
        scaled.Stem.ScaleInputs([7, 7, 7]);
        Tensor images = randn(Images, 3, 16, 16);
        network.MeasureStatistics([images.clone()]);
        scaled.MeasureStatistics([images.clone()]);

        Assert.True(allclose(Weight(network), Weight(scaled), 1e-3, 1e-5));
    }

    [Fact]
    public void MeasureStatistics_FilterThatGivesNothing_StaysFinite()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(5);
        using LcNet network = Make(BlockKind.Basic);
        Weight(network).select(0, 0).zero_();
        Tensor images = randn(Images, 3, 16, 16);
        Tensor before = network.Forward(images, null).Logits;

        network.MeasureStatistics([images.clone()]);

        Assert.True(allclose(before, network.Forward(images, null).Logits, 1e-4, 1e-4));
    }

    private static Tensor Weight(LcNet network) => network.state_dict()["_stem._conv.weight"];

    // What the network gives with the statistics of the batch, its running statistics left as they are.
    private static Tensor Trained(LcNet network, Tensor images)
    {
        using var copy = new LcNet(network.Spec);
        copy.CopyBackboneFrom(network);
        copy.train();
        return copy.Forward(images, null).Logits;
    }

    // Batch norm with random values everywhere, as after a training on other images.
    private static LcNet Make(BlockKind kind)
    {
        var network = new LcNet(new ResNetSpec { Kind = kind, BlocksPerStage = [1, 2], Width = 8, Classes = 4, InputSize = 16, Gates = GateKinds.None });
        foreach ((string name, Tensor value) in network.state_dict().Where(entry => entry.Key.Contains("_norm", StringComparison.Ordinal) && entry.Value.is_floating_point()))
        {
            value.copy_(name.EndsWith("var", StringComparison.Ordinal) || name.EndsWith("weight", StringComparison.Ordinal) ? rand(value.shape) + 0.5 : randn(value.shape) * 0.3);
        }

        network.eval();
        return network;
    }
}
