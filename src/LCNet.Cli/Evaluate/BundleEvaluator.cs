using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime;
using LCNet.Training.Data;

namespace LCNet.Cli.Evaluate;

/// <summary>How a bundle does on a set of images at one effort.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Images">Images measured.</param>
/// <param name="Top1">Share classified right, in [0, 1].</param>
/// <param name="MeanFlops">Mean planned FLOPs.</param>
/// <param name="P95Flops">95th percentile of planned FLOPs.</param>
/// <param name="DenseFlops">What the static network would cost.</param>
/// <param name="RunRates">Share of images that ran each block, in [0, 1].</param>
/// <param name="KeptChannels">Mean share of channels kept where a block ran, in [0, 1]; 0 where it never did.</param>
internal sealed record EffortReport(
    double Effort,
    int Images,
    double Top1,
    double MeanFlops,
    long P95Flops,
    long DenseFlops,
    IReadOnlyList<double> RunRates,
    IReadOnlyList<double> KeptChannels);

/// <summary>Measures a bundle with the engine that serves it, on every worker at once.</summary>
internal static class BundleEvaluator
{
    public static async Task<EffortReport> MeasureAsync(
        InferenceEngine engine, ImageSet images, IReadOnlyList<int> indices, double effort, CancellationToken cancellation)
    {
        BundleManifest manifest = engine.Bundle.Manifest;
        long[] flops = new long[indices.Count];
        int right = 0;
        int[] runs = new int[manifest.Blocks.Count];
        long[] kept = new long[manifest.Blocks.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation };
        await Parallel.ForEachAsync(Enumerable.Range(0, indices.Count).Chunk(64), options, async (chunk, token) =>
        {
            float[] input = new float[manifest.Input.Length];
            InferenceResult result = engine.CreateResult();
            foreach (int i in chunk)
            {
                Pixels.Normalise(images.Pixels(indices[i]), manifest.Input.Mean, manifest.Input.Std, input);
                await engine.RunAsync(input, effort, Planner.NoCap, result, token);
                flops[i] = result.Plan.Flops;
                if (Predictions.Top(result.Logits, 1)[0].Index == images.Label(indices[i]))
                {
                    Interlocked.Increment(ref right);
                }

                for (int block = 0; block < runs.Length; block++)
                {
                    if (result.Plan.Runs(block))
                    {
                        Interlocked.Increment(ref runs[block]);
                        Interlocked.Add(ref kept[block], result.Plan.Kept(block).Length);
                    }
                }
            }
        });
        Array.Sort(flops);
        return new EffortReport(
            effort,
            indices.Count,
            (double)right / indices.Count,
            flops.Average(),
            flops[(int)Math.Ceiling(0.95 * flops.Length) - 1],
            engine.Bundle.Flops.Dense,
            [.. runs.Select(count => (double)count / indices.Count)],
            [.. kept.Select((sum, block) => runs[block] == 0 ? 0 : (double)sum / runs[block] / manifest.Blocks[block].Channels)]);
    }
}
