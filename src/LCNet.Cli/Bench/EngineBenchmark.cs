using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

namespace LCNet.Cli.Bench;

/// <summary>Measures each executor against the static network, at settings of the dial.</summary>
internal sealed class EngineBenchmark(Bundle bundle, ComputeDevice device, float[][] images, int repetitions)
{
    // An image's time is a median over so many passes: its planned FLOPs explain less of it than a neighbour does in one.
    private const int PassesToCorrelate = 15;

    private readonly Alternation _alternation = new(images.Length, repetitions);

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
        Contender[] contenders = Contender.All(bundle, device, setting, images);
        try
        {
            AlternationTimes times = _alternation.OneThread(contenders, cancellation);
            double?[] correlations = [.. contenders.Select(contender => setting.IsOpen || contender.Name == Contender.Baseline ? null : Correlate(contender, flops))];
            return Report(times, reduction, correlations);
        }
        finally
        {
            Array.ForEach(contenders, contender => contender.Dispose());
        }
    }

    private List<ContenderReport> Saturated(BenchSetting setting, double reduction, CancellationToken cancellation) =>
        Report(_alternation.Saturated(() => Contender.All(bundle, device, setting, images), cancellation), reduction, null);

    private List<ContenderReport> Report(AlternationTimes times, double reduction, double?[]? correlations)
    {
        double[][] totals = times.Totals;
        int baseline = times.Names.Index().First(name => name.Item == Contender.Baseline).Index;
        var reports = new List<ContenderReport>();
        for (int who = 0; who < times.Names.Count; who++)
        {
            double[] ratios = [.. totals[baseline].Zip(totals[who], (theirs, own) => theirs / own)];
            double ratio = Statistics.Median(ratios);
            double[] latencies = [.. times.Seconds[who].SelectMany(repetition => repetition).Order()];
            reports.Add(new ContenderReport(
                times.Names[who],
                ratio,
                ratios.Min(),
                ratios.Max(),
                who == baseline ? null : ratio / reduction,
                images.Length / Statistics.Median(totals[who]),
                1e6 * FlopsSummary.NearestRank(latencies, 50),
                1e6 * FlopsSummary.NearestRank(latencies, 95),
                1e6 * FlopsSummary.NearestRank(latencies, 99),
                times.Bytes is null ? null : times.Bytes[who] / (double)(repetitions * images.Length),
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
            for (int first = 0; first < images.Length; first += Alternation.ImagesAtATurn)
            {
                _alternation.Time(contender, first, times);
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
        int first = image - (image % Alternation.ImagesAtATurn);
        return times.AsSpan(first, Math.Min(Alternation.ImagesAtATurn, times.Length - first)).ToArray().Average();
    }
}
