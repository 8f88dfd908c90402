namespace LCNet.Bundles;

/// <summary>How the FLOPs of a set of images are distributed.</summary>
/// <param name="Mean">Their mean.</param>
/// <param name="P5">5th percentile, by nearest rank.</param>
/// <param name="P95">95th percentile, by nearest rank.</param>
/// <param name="Most">The dearest image.</param>
public sealed record FlopsSummary(double Mean, long P5, long P95, long Most)
{
    /// <summary>Summarises a set.</summary>
    /// <param name="flops">One value an image, in any order.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static FlopsSummary Of(IEnumerable<long> flops)
    {
        long[] sorted = [.. flops.Order()];
        return sorted.Length > 0
            ? new FlopsSummary(sorted.Average(), NearestRank(sorted, 5), NearestRank(sorted, 95), sorted[^1])
            : throw new ArgumentException("There is no image.", nameof(flops));
    }

    /// <summary>A percentile by nearest rank: the least value that at least this many percent do not exceed.</summary>
    /// <param name="sorted">Ascending, at least one.</param>
    /// <param name="percent">1 to 100.</param>
    public static T NearestRank<T>(IReadOnlyList<T> sorted, int percent)
    {
        ArgumentNullException.ThrowIfNull(sorted);
        return sorted[(int)((((long)percent * sorted.Count) + 99) / 100) - 1];
    }
}
