using System.Numerics;

namespace LCNet.Server;

/// <summary>Buckets of durations from 1 µs to about two minutes, 16 to each doubling: a duration is known to within 3.2 % of itself.</summary>
internal static class DurationBuckets
{
    /// <summary>Number of buckets; the last one takes whatever is longer, the first one whatever is shorter.</summary>
    public const int Count = Doublings * Steps;

    private const int Doublings = 27;
    private const int StepBits = 4;
    private const int Steps = 1 << StepBits;
    private const double Microseconds = 1e6;

    /// <summary>The bucket of a duration.</summary>
    public static int Of(double seconds)
    {
        // In sixteenths of a microsecond, the highest bit is the doubling and the next four are the step.
        long units = (long)Math.Clamp(seconds * Microseconds * Steps, Steps, long.MaxValue / 2);
        int doubling = BitOperations.Log2((ulong)units) - StepBits;
        return Math.Min(((doubling - 1) * Steps) + (int)(units >> doubling), Count - 1);
    }

    /// <summary>The middle of a bucket, in seconds.</summary>
    public static double Middle(int bucket) => (Steps + (bucket % Steps) + 0.5) * (1L << (bucket / Steps)) / Steps / Microseconds;

    /// <summary>A quantile by nearest rank, in seconds; null where nothing was counted.</summary>
    /// <param name="counts">Of each bucket, none negative.</param>
    /// <param name="quantile">In (0, 1].</param>
    public static double? Quantile(ReadOnlySpan<long> counts, double quantile)
    {
        long total = 0;
        foreach (long count in counts)
        {
            total += count;
        }

        long rank = (long)Math.Ceiling(quantile * total);
        for (int bucket = 0; bucket < counts.Length; bucket++)
        {
            rank -= counts[bucket];
            if (counts[bucket] > 0 && rank <= 0)
            {
                return Middle(bucket);
            }
        }

        return null;
    }
}
