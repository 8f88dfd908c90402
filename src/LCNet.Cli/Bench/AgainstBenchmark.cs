using LCNet.Bundles;
using LCNet.Cli.Evaluate;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;

namespace LCNet.Cli.Bench;

/// <summary>
/// Measures a bundle at each calibrated effort against static networks of other sizes, each in one ONNX Runtime session, and what they would need for the
/// same accuracy. Accuracies are those of the bundles' calibration tables.
/// </summary>
internal sealed class AgainstBenchmark
{
    private readonly Bundle _bundle;
    private readonly StaticNetwork[] _statics;
    private readonly ComputeDevice _device;
    private readonly Func<Bundle, float[][]> _images;
    private readonly int _repetitions;

    /// <summary>Prepares a measurement.</summary>
    /// <param name="statics">Trained on the same images.</param>
    /// <param name="images">The same images as the inputs of a bundle.</param>
    /// <exception cref="ArgumentException">The accuracy of one was measured on other images.</exception>
    public AgainstBenchmark(Bundle bundle, StaticNetwork[] statics, ComputeDevice device, Func<Bundle, float[][]> images, int repetitions)
    {
        (_bundle, _statics, _device, _images, _repetitions) = (bundle, statics, device, images, repetitions);
        if (statics.FirstOrDefault(other => other.Bundle.Manifest.Provenance.ValidationDigest != bundle.Manifest.Provenance.ValidationDigest) is { } stranger)
        {
            throw new ArgumentException($"--against: the accuracy of {stranger.Name} was measured on other images than that of {bundle.Folder}.");
        }
    }

    /// <summary>Measures.</summary>
    public AgainstReport Measure(CancellationToken cancellation)
    {
        float[][][] inputs = [.. _statics.Select(other => other.Bundle).Prepend(_bundle).Select(_images)];
        CalibrationPoint[] efforts = [.. _bundle.Manifest.Calibration];
        int images = inputs[0].Length;
        var alternation = new Alternation(images, _repetitions);

        Contender[] contenders = All();
        AlternationTimes oneThread;
        try
        {
            oneThread = alternation.OneThread(contenders, cancellation);
        }
        finally
        {
            Array.ForEach(contenders, contender => contender.Dispose());
        }

        AlternationTimes saturated = alternation.Saturated(All, cancellation);
        return new AgainstReport(
            [.. efforts.Select((point, i) => new EffortAgainst(
                point.Effort, point.Top1, point.MeanFlops / 1e6, PerImage(oneThread, i), Speed(oneThread, i), PerImage(saturated, i), Speed(saturated, i)))],
            [.. _statics.Select((other, i) => new StaticAgainst(
                other.Name,
                other.Top1,
                other.Flops / 1e6,
                PerImage(oneThread, efforts.Length + i),
                PerImage(saturated, efforts.Length + i)))]);

        Contender[] All() =>
        [
            .. efforts.Select(point => Contender.Gated(
                $"effort {point.Effort}", _bundle, _device.IsCuda ? new OnnxExecutor(_bundle, _device) : new SimdExecutor(_bundle), new BenchSetting(string.Empty, point.Effort), inputs[0])),
            .. _statics.Select((other, i) => Contender.Static(other.Name, other.Bundle, _device, inputs[i + 1])),
        ];

        double PerImage(AlternationTimes times, int who) => 1e6 * Statistics.Median(times.Totals[who]) / images;

        // Each alternation has its own static curve, measured between the same disturbances.
        SpeedAtEqualAccuracy? Speed(AlternationTimes times, int effort)
        {
            double?[] ratios = [.. Enumerable.Range(0, _repetitions).Select(repetition => EqualAccuracy.CostAt(
                _statics.Select((other, i) => (times.Totals[efforts.Length + i][repetition], other.Top1)), efforts[effort].Top1)
                / times.Totals[effort][repetition])];
            double[] known = [.. ratios.OfType<double>()];
            return known.Length < ratios.Length ? null : new SpeedAtEqualAccuracy(Statistics.Median(known), known.Min(), known.Max());
        }
    }
}

/// <summary>A bundle beside static networks.</summary>
/// <param name="Efforts">The bundle at each calibrated effort.</param>
/// <param name="Statics">Static networks.</param>
internal sealed record AgainstReport(IReadOnlyList<EffortAgainst> Efforts, IReadOnlyList<StaticAgainst> Statics);

/// <summary>A bundle at one effort.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Top1">On the validation images, in [0, 1].</param>
/// <param name="MeanMflops">Mean planned FLOPs on the validation images, in millions.</param>
/// <param name="OneThreadUs">Microseconds an image on one thread: median over the alternations.</param>
/// <param name="OneThread">Speed at equal accuracy on one thread; null where no static network is above or below.</param>
/// <param name="SaturatedUs">Microseconds an image with a thread on every core.</param>
/// <param name="Saturated">The same of it.</param>
internal sealed record EffortAgainst(
    double Effort, double Top1, double MeanMflops, double OneThreadUs, SpeedAtEqualAccuracy? OneThread, double SaturatedUs, SpeedAtEqualAccuracy? Saturated);

/// <summary>Time that static networks would need for the same accuracy, interpolated, over the bundle's own.</summary>
/// <param name="Ratio">Median over the alternations.</param>
/// <param name="Lowest">The lowest of an alternation.</param>
/// <param name="Highest">The highest.</param>
internal sealed record SpeedAtEqualAccuracy(double Ratio, double Lowest, double Highest);

/// <summary>A static network in one ONNX Runtime session.</summary>
/// <param name="Model">Name and version.</param>
/// <param name="Top1">On the validation images, in [0, 1].</param>
/// <param name="Mflops">FLOPs of an image, in millions.</param>
/// <param name="OneThreadUs">Microseconds an image on one thread: median over the alternations.</param>
/// <param name="SaturatedUs">Microseconds an image with a thread on every core.</param>
internal sealed record StaticAgainst(string Model, double Top1, double Mflops, double OneThreadUs, double SaturatedUs);
