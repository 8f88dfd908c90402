using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Training.Data;

namespace LCNet.Cli.Evaluate;

/// <summary>Measures a bundle with the engine that serves it, on every worker at once.</summary>
internal sealed class BundleEvaluator(InferenceEngine engine, ImageSet images, IReadOnlyList<int> indices)
{
    private readonly BundleManifest _manifest = engine.Bundle.Manifest;
    private int[]? _whole;

    /// <summary>Measures one effort, in (0, 1].</summary>
    public Measurement MeasureEffort(double effort, CancellationToken cancellation) =>
        Measure(effort, Planner.NoCap, cancellation) with { Effort = effort };

    /// <summary>Measures a cap on each image's FLOPs, at least those of the cheapest path.</summary>
    public Measurement MeasureCap(long cap, CancellationToken cancellation) =>
        Measure(engine.Efforts.EffortFor(cap), cap, cancellation) with { MaxFlops = cap };

    /// <summary>Which images the static network of a bundle gets right with a probability of at least <see cref="EasyImages.Confidence"/>.</summary>
    /// <exception cref="InvalidDataException">The bundle takes other images or knows other classes.</exception>
    public bool[] FindEasyImages(Bundle judge, CancellationToken cancellation)
    {
        InputSpec input = judge.Manifest.Input;
        if (!judge.Manifest.Labels.SequenceEqual(_manifest.Labels) || (input.Width, input.Height) != (_manifest.Input.Width, _manifest.Input.Height))
        {
            throw new InvalidDataException($"{judge.Folder} takes other images or knows other classes than {engine.Bundle.Folder}.");
        }

        using var dense = new DenseNetwork(judge, ComputeDevice.Parse("cpu"));
        bool[] easy = new bool[indices.Count];
        float[] values = new float[input.Length];
        float[] logits = new float[_manifest.Labels.Count];
        for (int i = 0; i < easy.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Pixels.Normalise(images.Pixels(indices[i]), input.Mean, input.Std, values);
            dense.Run(values, logits);
            (int index, float probability) = Predictions.Top(logits, 1)[0];
            easy[i] = index == images.Label(indices[i]) && probability >= EasyImages.Confidence;
        }

        return easy;
    }

    private Measurement Measure(double effort, long cap, CancellationToken cancellation)
    {
        _whole ??= RunWhole(cancellation);
        long[] flops = new long[indices.Count];
        bool[] right = new bool[indices.Count];
        bool[] agrees = new bool[indices.Count];
        var gate = new Lock();
        int[] runs = new int[_manifest.Blocks.Count];
        int[][] kept = NewCounts();
        ForEachImage(
            () => (Runs: new int[runs.Length], Kept: NewCounts()),
            (i, session, input, result, counts) =>
            {
                session.Run(input, effort, cap, result, cancellation);
                flops[i] = result.Plan.Flops;
                int predicted = Predictions.Top(result.Logits, 1)[0].Index;
                right[i] = predicted == images.Label(indices[i]);
                agrees[i] = predicted == _whole[i];
                Count(result.Plan, counts.Runs, counts.Kept);
            },
            counts =>
            {
                lock (gate)
                {
                    Add(runs, counts.Runs);
                    for (int block = 0; block < kept.Length; block++)
                    {
                        Add(kept[block], counts.Kept[block]);
                    }
                }
            },
            cancellation);

        FlopsSummary planned = FlopsSummary.Of(flops);
        return new Measurement
        {
            Images = indices.Count,
            Top1 = right.Count(hit => hit) / (double)right.Length,
            Agreement = agrees.Count(same => same) / (double)agrees.Length,
            Top1PerClass = [.. _manifest.Labels.Select((_, label) => ShareRight(right, label))],
            MeanFlops = planned.Mean,
            P5Flops = planned.P5,
            P95Flops = planned.P95,
            MostFlops = planned.Most,
            DenseFlops = engine.Bundle.Flops.Dense,
            RunRates = [.. runs.Select(count => (double)count / indices.Count)],
            KeptChannels = [.. kept.Select((counts, block) => runs[block] == 0 ? 0 : counts.Sum(count => (double)count) / runs[block] / counts.Length)],
            Flops = flops,
            ChannelRates = [.. kept.Select(counts => (IReadOnlyList<double>)[.. counts.Select(count => (double)count / indices.Count)])],
        };
    }

    private int[] RunWhole(CancellationToken cancellation)
    {
        int[] predicted = new int[indices.Count];
        ForEachImage(
            () => 0,
            (i, session, input, result, _) =>
            {
                session.RunOpen(input, result, isWanted: null, cancellation);
                predicted[i] = Predictions.Top(result.Logits, 1)[0].Index;
            },
            _ => { },
            cancellation);
        return predicted;
    }

    // On every core, each with a session and a state of its own.
    private void ForEachImage<T>(Func<T> begin, Action<int, EngineSession, float[], InferenceResult, T> run, Action<T> end, CancellationToken cancellation)
    {
        int next = -1;
        Parallel.For(0, Environment.ProcessorCount, new ParallelOptions { CancellationToken = cancellation }, _ =>
        {
            using EngineSession session = engine.CreateSession();
            float[] input = new float[_manifest.Input.Length];
            InferenceResult result = engine.CreateResult();
            T state = begin();
            for (int i = Interlocked.Increment(ref next); i < indices.Count; i = Interlocked.Increment(ref next))
            {
                Pixels.Normalise(images.Pixels(indices[i]), _manifest.Input.Mean, _manifest.Input.Std, input);
                run(i, session, input, result, state);
            }

            end(state);
        });
    }

    private static void Count(ImagePlan plan, int[] runs, int[][] kept)
    {
        for (int block = 0; block < runs.Length; block++)
        {
            runs[block] += plan.Runs(block) ? 1 : 0;
            foreach (long channel in plan.Kept(block))
            {
                kept[block][channel]++;
            }
        }
    }

    private static void Add(int[] sum, int[] part)
    {
        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] += part[i];
        }
    }

    private int[][] NewCounts() => [.. _manifest.Blocks.Select(block => new int[block.Channels])];

    private double ShareRight(bool[] right, int label)
    {
        int[] ofClass = [.. Enumerable.Range(0, right.Length).Where(i => images.Label(indices[i]) == label)];
        return ofClass.Length == 0 ? 0 : ofClass.Count(i => right[i]) / (double)ofClass.Length;
    }
}
