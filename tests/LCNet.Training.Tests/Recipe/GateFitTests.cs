using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Recipe;

/// <summary>What gates are fitted to, measured again decision by decision and in double precision.</summary>
public sealed class GateFitTests
{
    private const int Seed = 5;
    private const double Least = 1e-3;

    private static readonly ImageSet Images = RandomImages.Make(60, 16, 12);
    private static readonly int[] All = [.. Enumerable.Range(0, Images.Count)];

    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Block)]
    public void Run_LayerGates_PredictWhatSkippingEachBlockLoses(BlockKind kind, GateSpan span)
    {
        using var scope = NewDisposeScope();
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(kind, span), 41);
        double[][] worth = Worth(network);
        IReadOnlyList<double> explained = Fit(network);

        double mean = worth.SelectMany(own => own).Average();
        double deviation = Math.Sqrt(worth.SelectMany(own => own).Sum(value => Math.Pow(value - mean, 2)) / ((worth.Length * All.Length) - 1));
        using var noGrad = no_grad();
        IReadOnlyList<Tensor> inputs = network.BlockInputs(Read(), Runs(network));
        for (int block = 0; block < worth.Length; block++)
        {
            double[] target = [.. worth[block].Select(value => value / deviation)];
            float[] predicted = network.LayerGates[block].Utility(inputs[block].mean([2, 3])).contiguous().data<float>().ToArray();
            double left = target.Zip(predicted, (wanted, utility) => Math.Pow(wanted - utility, 2)).Average();
            double variance = target.Average(value => Math.Pow(value - target.Average(), 2));
            Assert.Equal(1 - (left / variance), explained[block], 0.01);
        }

        // Sixty images are few, and a hidden layer learns them; a gate of one layer finds something at least.
        Assert.True(explained.Average() > (kind == BlockKind.Basic ? 0.3 : 0.05), string.Join(' ', explained));
    }

    [Fact]
    public void Run_ChannelGates_ShareTheirBlocksWorthByWhatTheyAdd()
    {
        using var scope = NewDisposeScope();
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(BlockKind.Basic, GateSpan.Block), 42);
        double[][] worth = Worth(network);
        Fit(network);

        double mean = worth.SelectMany(own => own).Average();
        double deviation = Math.Sqrt(worth.SelectMany(own => own).Sum(value => Math.Pow(value - mean, 2)) / ((worth.Length * All.Length) - 1));
        using var noGrad = no_grad();
        IReadOnlyList<Tensor> inputs = network.BlockInputs(Read(), Runs(network));
        for (int block = 0; block < worth.Length; block++)
        {
            // The energy of what a channel adds to a block's output, where other channels do not get in its way.
            Tensor h = nn.functional.relu(network.Blocks[block].First.call(inputs[block]));
            (Tensor weight, _) = network.Blocks[block].Last.Fold();
            double[] energies = [.. Enumerable.Range(0, (int)h.shape[1]).Select(channel =>
                h[TensorIndex.Colon, channel].to_type(ScalarType.Float64).square().mean().ToDouble() * weight[TensorIndex.Colon, channel].to_type(ScalarType.Float64).square().sum().ToDouble())];
            double blockWorth = Math.Log(worth[block].Average(Math.Exp));
            float[] utilities = network.ChannelGates[block].Utility(inputs[block].mean([2, 3])).mean([0]).data<float>().ToArray();
            Assert.All(energies.Zip(utilities), pair => Assert.Equal((blockWorth + Math.Log((pair.First / energies.Average()) + Least)) / deviation, pair.Second, 0.01));
        }
    }

    [Fact]
    public void Run_Again_BeginsWhereTheGatesAre()
    {
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(BlockKind.Basic, GateSpan.Block), 43);
        double first = Fit(network).Average();
        double second = Fit(network).Average();
        Assert.True(second > first, $"{first} {second}");
    }

    private static IReadOnlyList<double> Fit(LcNet network)
    {
        manual_seed(Seed);
        return new GateFit(network, new BatchReader(Images, RandomNetwork.Normalisation), Augmentation.None, Precision.Full).Run(All);
    }

    private static Tensor Read() => new BatchReader(Images, RandomNetwork.Normalisation).Read(All, Augmentation.None, 0, new Random(1)).Images;

    // The blocks that other images skip while one is measured, as the fit draws them.
    private static IReadOnlyList<Tensor?> Runs(LcNet network)
    {
        manual_seed(Seed);
        return network.RandomRuns(All.Length, All.Length);
    }

    // The logarithm of what skipping a block loses of each image, over the block's cost in units of the mean block's.
    private static double[][] Worth(LcNet network)
    {
        using var noGrad = no_grad();
        Tensor x = Read();
        IReadOnlyList<Tensor?> runs = Runs(network);
        double[][] dense = Probabilities(network.Forward(x, null).Logits);
        int blocks = network.Blocks.Count;
        double[] costs = [.. Enumerable.Range(0, blocks).Select(block => (double)network.Cost.Blocks[block].At(network.Blocks[block].Shape.InnerChannels) - network.Cost.Blocks[block].Shortcut)];
        return [.. Enumerable.Range(0, blocks).Select(block =>
        {
            double[][] with = Probabilities(Run(ones(All.Length)));
            double[][] without = Probabilities(Run(zeros(All.Length)));
            return All.Select(i => Math.Log(Math.Max(0, Divergence(dense[i], without[i]) - Divergence(dense[i], with[i])) + Least) - Math.Log(costs[block] / costs.Average())).ToArray();

            Tensor Run(Tensor own) => network.RunFrom(blocks, network.BlockInputs(x, [.. runs.Select((run, other) => other == block ? own : run)])[blocks]);
        })];
    }

    private static double[][] Probabilities(Tensor logits) => [.. Enumerable.Range(0, All.Length).Select(i =>
    {
        double[] values = [.. logits[i].data<float>().Select(logit => Math.Exp(logit))];
        return values.Select(value => value / values.Sum()).ToArray();
    })];

    private static double Divergence(double[] expected, double[] actual) => expected.Zip(actual, (p, q) => p * Math.Log(p / q)).Sum();
}
