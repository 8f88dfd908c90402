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
            ? new FlopsSummary(sorted.Average(), Percentile(sorted, 5), Percentile(sorted, 95), sorted[^1])
            : throw new ArgumentException("There is no image.", nameof(flops));
    }

    // The least value that at least this many percent of the images do not exceed.
    private static long Percentile(long[] sorted, int percent) => sorted[(int)((((long)percent * sorted.Length) + 99) / 100) - 1];
}
