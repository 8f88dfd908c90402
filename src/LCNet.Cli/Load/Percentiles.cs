using LCNet.Bundles;
using LCNet.Cli.Bench;

namespace LCNet.Cli.Load;

/// <summary>What is said of a set of times, in milliseconds.</summary>
internal sealed record Percentiles(int Count, double P50, double P90, double P99, double Max)
{
    /// <summary>Of times in seconds; null where there is none.</summary>
    public static Percentiles? Of(IEnumerable<double> seconds)
    {
        double[] sorted = [.. seconds.Select(value => 1000 * value).Order()];
        return sorted.Length == 0
            ? null
            : new Percentiles(sorted.Length, FlopsSummary.NearestRank(sorted, 50), FlopsSummary.NearestRank(sorted, 90), FlopsSummary.NearestRank(sorted, 99), sorted[^1]);
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"p50 {P50:F1} ms, p90 {P90:F1} ms, p99 {P99:F1} ms, max {Max:F1} ms");
}
