using Grpc.Core;
using LCNet.V1;

namespace LCNet.Cli.Load;

/// <summary>What a run comes to.</summary>
/// <param name="Seconds">How long requests were sent.</param>
/// <param name="Sent">Requests.</param>
/// <param name="OfferedRate">Requests a second that were sent.</param>
/// <param name="Goodput">Answers a second, of those that came while requests were still sent.</param>
/// <param name="ImageGoodput">The same in images.</param>
/// <param name="Statuses">Requests by how they ended.</param>
/// <param name="Answered">Latency of the answered, from when they were to be sent.</param>
/// <param name="Refused">Latency of those that ended with RESOURCE_EXHAUSTED.</param>
/// <param name="RefusedWithin50Ms">Share of those that took at most 50 ms; null where there is none.</param>
/// <param name="RefusedWithRetryInfo">Share of those that said when to try again; null where there is none.</param>
/// <param name="WithinObjective">Share of all requests that were answered within the objective.</param>
/// <param name="Lag">How much later than they were to be requests were sent.</param>
/// <param name="MeanEffort">Of the answered images; null where there is none.</param>
/// <param name="LeastEffort">Of the answered images; null where there is none.</param>
/// <param name="Top1">Share of the answered images whose class was right; null where there is none.</param>
/// <param name="PredictedTop1">What the calibration table says of the efforts that the replies had; null where there is none.</param>
/// <param name="FullTop1">What it says of effort 1.</param>
/// <param name="MemoryMiB">The server's resident memory: the median of the first ten seconds, that of the last ten, and the most; null where it was not watched.</param>
internal sealed record LoadReport(
    double Seconds,
    int Sent,
    double OfferedRate,
    double Goodput,
    double ImageGoodput,
    IReadOnlyDictionary<StatusCode, int> Statuses,
    Percentiles? Answered,
    Percentiles? Refused,
    double? RefusedWithin50Ms,
    double? RefusedWithRetryInfo,
    double WithinObjective,
    Percentiles? Lag,
    double? MeanEffort,
    double? LeastEffort,
    double? Top1,
    double? PredictedTop1,
    double FullTop1,
    IReadOnlyList<double>? MemoryMiB)
{
    private const double QuickRefusal = 0.05;
    private const int Edge = 10;

    /// <summary>Adds up a run.</summary>
    /// <param name="samples">At least one.</param>
    /// <param name="memory">In MiB, once a second; null where it was not watched.</param>
    public static LoadReport Of(IReadOnlyCollection<LoadSample> samples, LoadSettings settings, Model model, double[]? memory)
    {
        double seconds = settings.Duration.TotalSeconds;
        LoadSample[] answered = [.. samples.Where(sample => sample.Answer.Status == StatusCode.OK)];
        LoadSample[] refused = [.. samples.Where(sample => sample.Answer.Status == StatusCode.ResourceExhausted)];
        LoadSample[] inTime = [.. answered.Where(sample => sample.End <= seconds)];
        double[] efforts = [.. answered.SelectMany(sample => sample.Answer.Efforts)];
        return new LoadReport(
            seconds,
            samples.Count,
            samples.Count / seconds,
            inTime.Length / seconds,
            inTime.Sum(sample => sample.Answer.Efforts.Count) / seconds,
            samples.CountBy(sample => sample.Answer.Status).OrderBy(pair => pair.Key).ToDictionary(),
            Percentiles.Of(answered.Select(sample => sample.Latency)),
            Percentiles.Of(refused.Select(sample => sample.Latency)),
            Mean(refused, sample => sample.Latency <= QuickRefusal ? 1 : 0),
            Mean(refused, sample => sample.Answer.HasRetryInfo ? 1 : 0),
            (double)answered.Count(sample => sample.Latency <= settings.Objective.TotalSeconds) / samples.Count,
            Percentiles.Of(samples.Select(sample => sample.Lag)),
            Mean(efforts, effort => effort),
            efforts.Length == 0 ? null : efforts.Min(),
            efforts.Length == 0 ? null : (double)answered.Sum(sample => sample.Answer.Right) / efforts.Length,
            Mean(efforts, effort => Predict(model, effort)),
            Predict(model, 1),
            memory is { Length: > 0 } ? [Middle(memory[..Math.Min(Edge, memory.Length)]), Middle(memory[^Math.Min(Edge, memory.Length)..]), memory.Max()] : null);
    }

    /// <summary>Top-1 at an effort by the model's calibration table, linear between its points.</summary>
    internal static double Predict(Model model, double effort)
    {
        EffortPoint? high = model.Efforts.FirstOrDefault(point => point.Effort >= effort);
        EffortPoint? low = model.Efforts.LastOrDefault(point => point.Effort <= effort);
        return (low, high) switch
        {
            (null, null) => double.NaN,
            (null, _) => high!.Top1,
            (_, null) => low!.Top1,
            _ when low == high => low!.Top1,
            _ => low!.Top1 + ((high!.Top1 - low.Top1) * (effort - low.Effort) / (high.Effort - low.Effort)),
        };
    }

    private static double? Mean<T>(T[] items, Func<T, double> value) => items.Length == 0 ? null : items.Average(value);

    private static double Middle(double[] values) => Bench.Statistics.Median(values);
}
