using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Recipe;

public sealed class WeightAverageTests
{
    private static readonly ResNetSpec Spec = new() { BlocksPerStage = [1, 1], Width = 3, Classes = 2, InputSize = 8 };

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void Update_WeightsThatMove_IsTheirExponentialAverage(double decay)
    {
        using var scope = NewDisposeScope();
        using var network = new LcNet(Spec);
        TorchSharp.Modules.Parameter weight = network.get_parameter("_head.weight")!;
        using var noGrad = no_grad();
        weight.fill_(1);
        using var average = new WeightAverage(network, decay);
        double expected = 1;
        for (int step = 0; step < 200; step++)
        {
            double latest = Math.Sin(step);
            weight.fill_(latest);
            average.Update(step);

            // Shorter at first, so that what training began with is soon forgotten.
            double kept = Math.Min(decay, (step + 1.0) / (step + 10));
            expected = (kept * expected) + ((1 - kept) * latest);
        }

        Assert.All(average.Network.get_parameter("_head.weight")!.data<float>().ToArray(), value => Assert.Equal(expected, value, 1e-5));
        Assert.False(average.Network.training);
    }

    [Fact]
    public void Update_Statistics_AreAveragedToo()
    {
        using var scope = NewDisposeScope();
        using var network = new LcNet(Spec);
        using var average = new WeightAverage(network, 0.5);
        network.train();
        using var noGrad = no_grad();
        network.Forward(randn(4, 3, 8, 8) + 3, null);
        float[] before = average.Network.state_dict()["_stem._norm.running_mean"].data<float>().ToArray();
        float[] latest = network.state_dict()["_stem._norm.running_mean"].data<float>().ToArray();
        average.Update(1000);

        Assert.NotEqual(before, latest);
        Assert.All(
            before.Zip(latest, average.Network.state_dict()["_stem._norm.running_mean"].data<float>().ToArray()),
            triple => Assert.Equal((triple.First + triple.Second) / 2, triple.Third, 1e-5f));
    }
}
