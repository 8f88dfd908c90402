using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime;

namespace LCNet.Cli.Bench;

/// <summary>Measures the contenders against each other: they take turns every few images, so that what disturbs the machine disturbs all of them alike.</summary>
internal sealed class EngineBenchmark(Bundle bundle, ComputeDevice device, float[][] images, int repetitions)
{
    private const int ImagesAtATurn = 20;
    private const int ImagesToWarm = 3;
    private const int WarmUpImages = 10;

    // An image's time is a median over so many passes: its planned FLOPs explain less of it than a neighbour does in one.
    private const int PassesToCorrelate = 15;

    /// <summary>Measures one setting.</summary>
    public SettingReport Measure(BenchSetting setting, CancellationToken cancellation)
    {
        double[] flops = Flops(setting);
        double reduction = bundle.Flops.Dense / flops.Average();
        return new SettingReport(
            setting.Name, reduction, flops.Average() / 1e6, OneThread(setting, flops, reduction, cancellation), Saturated(setting, reduction, cancellation));
    }

    private double[] Flops(BenchSetting setting)
    {
        if (setting.IsOpen)
        {
            return [.. images.Select(_ => (double)bundle.Flops.Dense)];
        }

        using var executor = new OnnxExecutor(bundle, device);
        using ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        return [.. images.Select(image =>
        {
            dispatcher.Run(image, setting.Effort, setting.Cap, result);
            return (double)result.Plan.Flops;
        })];
    }

    private List<ContenderReport> OneThread(BenchSetting setting, double[] flops, double reduction, CancellationToken cancellation)
    {
        Contender[] contenders = Contender.All(bundle, device, setting);
        try
        {
            double[][][] times = [.. contenders.Select(_ => NewTimes())];
            long[] bytes = new long[contenders.Length];
            WarmUp(contenders);
            for (int repetition = 0; repetition < repetitions; repetition++)
            {
                for (int first = 0; first < images.Length; first += ImagesAtATurn)
                {
                    cancellation.ThrowIfCancellationRequested();
                    for (int turn = 0; turn < contenders.Length; turn++)
                    {
                        // Who goes first changes, too.
                        int who = (turn + repetition) % contenders.Length;

                        WarmCaches(contenders[who], first);
                        long before = GC.GetAllocatedBytesForCurrentThread();
                        Time(contenders[who], first, times[who][repetition]);
                        bytes[who] += GC.GetAllocatedBytesForCurrentThread() - before;
                    }
                }
            }

            double?[] correlations = [.. contenders.Select(contender => setting.IsOpen || contender.Name == Contender.Baseline ? null : Correlate(contender, flops))];
            return Report(contenders, times, reduction, bytes, correlations);
        }
        finally
        {
            Array.ForEach(contenders, contender => contender.Dispose());
        }
    }

    private List<ContenderReport> Saturated(BenchSetting setting, double reduction, CancellationToken cancellation)
    {
        int threads = Environment.ProcessorCount;
        Contender[][] contenders = [.. Enumerable.Range(0, threads).Select(_ => Contender.All(bundle, device, setting))];
        try
        {
            double[][][] times = [.. contenders[0].Select(_ => NewTimes())];
            double[][] walls = [.. contenders[0].Select(_ => new double[repetitions])];
            Array.ForEach(contenders, WarmUp);
            int turnLength = ImagesAtATurn * threads;
            for (int repetition = 0; repetition < repetitions; repetition++)
            {
                for (int first = 0; first < images.Length; first += turnLength)
                {
                    for (int turn = 0; turn < walls.Length; turn++)
                    {
                        cancellation.ThrowIfCancellationRequested();
                        int who = (turn + repetition) % walls.Length;
                        walls[who][repetition] += TimeTogether([.. contenders.Select(own => own[who])], first, Math.Min(first + turnLength, images.Length), times[who][repetition]);
                    }
                }
            }

            return Report(contenders[0], times, reduction, null, null, walls);
        }
        finally
        {
            Array.ForEach(contenders, own => Array.ForEach(own, contender => contender.Dispose()));
        }
    }

    private double TimeTogether(Contender[] own, int first, int end, double[] times)
    {
        int next = first - 1;
        long begin = 0;
        long[] ends = new long[own.Length];

        // The clock runs from where all threads are there until the last image is done.
        using var start = new Barrier(own.Length, _ => begin = Stopwatch.GetTimestamp());
        Thread[] threads = [.. own.Select((contender, thread) => new Thread(() =>
        {
            WarmCaches(contender, first);
            start.SignalAndWait();
            for (int i = Interlocked.Increment(ref next); i < end; i = Interlocked.Increment(ref next))
            {
                long before = Stopwatch.GetTimestamp();
                contender.Run(images[i]);
                times[i] = Stopwatch.GetElapsedTime(before).TotalSeconds;
            }

            ends[thread] = Stopwatch.GetTimestamp();
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        return Stopwatch.GetElapsedTime(begin, ends.Max()).TotalSeconds;
    }

    // Not timed: the caches hold what the contender before computed with, as on a server they do not.
    private void WarmCaches(Contender contender, int first)
    {
        for (int image = first; image < Math.Min(first + ImagesToWarm, images.Length); image++)
        {
            contender.Run(images[image]);
        }
    }

    private void Time(Contender contender, int first, double[] times)
    {
        int end = Math.Min(first + ImagesAtATurn, images.Length);
        for (int i = first; i < end; i++)
        {
            long start = Stopwatch.GetTimestamp();
            contender.Run(images[i]);
            times[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private void WarmUp(Contender[] contenders)
    {
        foreach (Contender contender in contenders)
        {
            // Long enough for the methods to be compiled with all optimizations.
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < WarmUpImages || Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(1); i++)
            {
                contender.Run(images[i % images.Length]);
            }
        }
    }

    private double[][] NewTimes() => [.. Enumerable.Range(0, repetitions).Select(_ => new double[images.Length])];

    private List<ContenderReport> Report(
        Contender[] contenders, double[][][] times, double reduction, long[]? bytes, double?[]? correlations, double[][]? walls = null)
    {
        double[][] totals = walls ?? [.. times.Select(own => own.Select(repetition => repetition.Sum()).ToArray())];
        int baseline = Array.FindIndex(contenders, contender => contender.Name == Contender.Baseline);
        var reports = new List<ContenderReport>();
        for (int who = 0; who < contenders.Length; who++)
        {
            double[] ratios = [.. totals[baseline].Zip(totals[who], (theirs, own) => theirs / own)];
            double ratio = Statistics.Median(ratios);
            double[] latencies = [.. times[who].SelectMany(repetition => repetition).Order()];
            reports.Add(new ContenderReport(
                contenders[who].Name,
                ratio,
                ratios.Min(),
                ratios.Max(),
                who == baseline ? null : ratio / reduction,
                images.Length / Statistics.Median(totals[who]),
                1e6 * Statistics.NearestRank(latencies, 50),
                1e6 * Statistics.NearestRank(latencies, 95),
                1e6 * Statistics.NearestRank(latencies, 99),
                bytes is null ? null : bytes[who] / (double)(repetitions * images.Length),
                correlations?[who]));
        }

        return reports;
    }

    // By itself, as on a server: turns would leave it the caches that the contender before filled, for some images and not for others.
    private double? Correlate(Contender contender, double[] flops)
    {
        double[][] passes = [.. Enumerable.Range(0, PassesToCorrelate).Select(_ => new double[images.Length])];
        foreach (double[] times in passes)
        {
            for (int first = 0; first < images.Length; first += ImagesAtATurn)
            {
                Time(contender, first, times);
            }
        }

        // A neighbour on the machine slows some images in a row: a time counts at the speed that those around it have in the median.
        double[] medians = [.. flops.Select((_, image) =>
        {
            double[] turns = [.. passes.Select(times => TurnOf(times, image))];
            double usual = Statistics.Median(turns);
            return Statistics.Median([.. passes.Zip(turns, (times, turn) => times[image] * usual / turn)]);
        })];
        double correlation = Statistics.Correlation(medians, flops);
        return double.IsFinite(correlation) ? correlation : null;
    }

    private static double TurnOf(double[] times, int image)
    {
        int first = image - (image % ImagesAtATurn);
        return times.AsSpan(first, Math.Min(ImagesAtATurn, times.Length - first)).ToArray().Average();
    }
}
