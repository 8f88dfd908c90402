using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

namespace LCNet.Cli.Bench;

/// <summary>Measures batches of several sizes against the same images as the static network, in turns.</summary>
internal sealed class BatchBenchmark(Bundle bundle, ComputeDevice device, float[][] images, int repetitions)
{
    private const int Turns = 10;

    /// <summary>Numbers of images that run together.</summary>
    public static IReadOnlyList<int> Sizes { get; } = [1, 2, 4, 8, 16, 32, 64, 128];

    /// <summary>Measures one size.</summary>
    /// <param name="effort">In (0, 1].</param>
    public BatchReport Measure(int size, double effort, CancellationToken cancellation)
    {
        using var runner = new BatchRunner(bundle, device, size);
        using var dense = new DenseNetwork(bundle, device, size);
        float[] pixels = new float[size * bundle.Manifest.Input.Length];
        float[] logits = new float[size * bundle.Manifest.Labels.Count];
        for (int i = 0; i < size; i++)
        {
            runner.Write(i, images[i % images.Length]);
            images[i % images.Length].CopyTo(pixels.AsSpan(i * bundle.Manifest.Input.Length));
        }

        // Once unmeasured: either may choose algorithms.
        runner.Run(size, effort);
        dense.Run(pixels, logits);
        double executed = Enumerable.Range(0, size).Average(i => (double)runner.Result(i).ExecutedFlops);
        (long operations, long synchronisations) = (runner.Operations, runner.Synchronisations);
        runner.Run(size, effort);
        (operations, synchronisations) = (runner.Operations - operations, runner.Synchronisations - synchronisations);

        var (gated, open) = (new double[repetitions], new double[repetitions]);
        for (int repetition = 0; repetition < repetitions; repetition++)
        {
            cancellation.ThrowIfCancellationRequested();
            gated[repetition] = Seconds(() => runner.Run(size, effort));
            open[repetition] = Seconds(() => dense.Run(pixels, logits));
        }

        double[] ratios = [.. open.Zip(gated, (theirs, own) => theirs / own)];
        double ratio = Statistics.Median(ratios);
        return new BatchReport(
            size,
            size / Statistics.Median(gated),
            size / Statistics.Median(open),
            ratio,
            ratios.Min(),
            ratios.Max(),
            executed / bundle.Flops.Dense,
            ratio * executed / bundle.Flops.Dense,
            operations,
            dense.Operations,
            synchronisations);
    }

    // Of a batch, the mean of some in a row.
    private static double Seconds(Action run)
    {
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < Turns; i++)
        {
            run();
        }

        return Stopwatch.GetElapsedTime(began).TotalSeconds / Turns;
    }
}
