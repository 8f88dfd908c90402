using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Recipe;

/// <summary>Sets the prices of a network so that images cost what each effort may.</summary>
internal static class PriceCalibrator
{
    // What a gate sees depends on what the gates before it decided, so that a price has to be found in steps.
    private const int Rounds = 4;

    /// <summary>Sets the price of each effort.</summary>
    /// <param name="network">Left in evaluation mode.</param>
    /// <param name="share">The mean share of dense FLOPs that an effort may cost.</param>
    public static void Set(LcNet network, BatchReader reader, IReadOnlyList<int> indices, Func<double, double> share)
    {
        network.eval();
        EffortPrice[] prices = [.. network.Prices];
        for (int i = 0; i < prices.Length; i++)
        {
            for (int round = 0; round < Rounds; round++)
            {
                double wanted = Solve(network, reader, indices, prices[i].Price, share(prices[i].Effort) * network.Cost.Dense);
                prices[i] = prices[i] with { Price = wanted };
            }
        }

        network.Prices = prices;
    }

    private static double Solve(LcNet network, BatchReader reader, IReadOnlyList<int> indices, double price, double flops)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var outputs = new List<LcNetOutput>();
        foreach (int[] batch in indices.Chunk(reader.EvaluatedAtATime))
        {
            using var uncollected = UncollectedRegion.Open();
            (Tensor x, _) = reader.Read(batch, Augmentation.None, 0, Random.Shared);
            outputs.Add(network.Forward(x, full(batch.Length, 1, (float)price)));
        }

        var solver = new PriceSolver(network.Cost, outputs);
        return solver.Solve(0, solver.Images, flops);
    }
}
