using Grpc.Core;

namespace LCNet.Server;

/// <summary>Works out what the page shows from what was counted.</summary>
internal static class FiguresReader
{
    private const double Milliseconds = 1e3;

    /// <summary>Figures of one model.</summary>
    /// <param name="versions">All that are served of it, at least one, ascending.</param>
    /// <param name="samples">Oldest first, at least one.</param>
    /// <param name="time">The clock that stamped them.</param>
    public static ModelFigures Read(IReadOnlyList<ServedModel> versions, IReadOnlyList<TallySample> samples, TimeProvider time)
    {
        V1.Model latest = versions[^1].Description;
        ModelSample now = samples[^1].Of(latest.Name);
        long[] window = now.Since(samples[0].Of(latest.Name));
        return new ModelFigures(
            latest.Name,
            [.. versions.Select(version => version.Description.Version)],
            latest.Device,
            latest.Executor,
            latest.ExecutorFallback,
            [.. latest.Efforts.Select(point => new EffortFigures(point.Effort, point.MeanFlops / latest.DenseFlops, point.Top1, point.Milliseconds > 0 ? point.Milliseconds : null))],
            now.Effort,
            now.InFlight,
            now.Waiting,
            Rate(window, Span(samples, time)),
            Latency(window),
            Count(window),
            Count(now.Counts),
            Requests(window),
            Blocks(window, Channels(versions)),
            [.. Part(window, TallyLayout.Shares, TallyLayout.ShareCount)],
            History(latest.Name, samples, time));
    }

    /// <summary>Time from the first sample to the last, in seconds.</summary>
    public static double Span(IReadOnlyList<TallySample> samples, TimeProvider time) =>
        time.GetElapsedTime(samples[0].Timestamp, samples[^1].Timestamp).TotalSeconds;

    /// <summary>Requests by status, those that did not occur left out.</summary>
    public static IReadOnlyDictionary<string, long> Requests(long[] counts)
    {
        var requests = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((int status, long count) in Part(counts, TallyLayout.Statuses, StatusNames.Count).ToArray().Index())
        {
            if (count > 0)
            {
                requests.Add(StatusNames.Of((StatusCode)status), count);
            }
        }

        return requests;
    }

    // Of a model that has not been counted yet there is nothing.
    private static ReadOnlySpan<long> Part(long[] counts, int start, int length) => counts.Length == 0 ? new long[length] : counts.AsSpan(start, length);

    private static double Rate(long[] counts, double seconds) => seconds > 0 ? Part(counts, TallyLayout.Images, 1)[0] / seconds : 0;

    private static LatencyFigures? Latency(long[] counts)
    {
        ReadOnlySpan<long> durations = Part(counts, TallyLayout.Durations, DurationBuckets.Count);
        return DurationBuckets.Quantile(durations, 0.5) is { } p50
            ? new LatencyFigures(
                p50 * Milliseconds,
                DurationBuckets.Quantile(durations, 0.95)!.Value * Milliseconds,
                DurationBuckets.Quantile(durations, 0.99)!.Value * Milliseconds)
            : null;
    }

    private static CountFigures Count(long[] counts)
    {
        ReadOnlySpan<long> flops = Part(counts, 0, TallyLayout.Shares);
        long dense = flops[TallyLayout.Dense];
        long planned = flops[TallyLayout.Planned];
        return new CountFigures(flops[TallyLayout.Images], dense, planned, flops[TallyLayout.Executed], dense > 0 ? 1 - ((double)planned / dense) : null);
    }

    private static int[] Channels(IReadOnlyList<ServedModel> versions) =>
        [.. Enumerable.Range(0, versions.Max(version => version.Description.BlockChannels.Count))
            .Select(block => versions.Max(version => version.Description.BlockChannels.ElementAtOrDefault(block)))];

    private static BlockFigures[] Blocks(long[] counts, int[] channels)
    {
        var blocks = new BlockFigures[channels.Length];
        for (int block = 0; block < blocks.Length; block++)
        {
            int place = TallyLayout.Blocks + (block * TallyLayout.BlockCount);
            ReadOnlySpan<long> counted = place < counts.Length ? counts.AsSpan(place, TallyLayout.BlockCount) : [0, 0, 0];
            blocks[block] = new BlockFigures(channels[block], counted[0], counted[1], counted[0] > 0 ? (double)counted[2] / counted[0] : null);
        }

        return blocks;
    }

    private static SecondFigures[] History(string model, IReadOnlyList<TallySample> samples, TimeProvider time)
    {
        var history = new SecondFigures[samples.Count - 1];
        for (int second = 0; second < history.Length; second++)
        {
            TallySample before = samples[second];
            TallySample after = samples[second + 1];
            long[] counts = after.Of(model).Since(before.Of(model));
            double? p95 = DurationBuckets.Quantile(Part(counts, TallyLayout.Durations, DurationBuckets.Count), 0.95) * Milliseconds;
            history[second] = new SecondFigures(Rate(counts, time.GetElapsedTime(before.Timestamp, after.Timestamp).TotalSeconds), p95);
        }

        return history;
    }
}
