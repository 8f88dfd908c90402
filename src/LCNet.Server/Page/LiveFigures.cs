using System.Text.Json;

namespace LCNet.Server;

/// <summary>Answers what the live page asks once a second. Thread-safe.</summary>
internal sealed class LiveFigures(LiveCounters counters, ServerMetrics metrics, Serving serving, ServerOptions options, TimeProvider time)
{
    /// <summary>Writes a <see cref="LiveSnapshot"/> of this moment.</summary>
    public Task WriteAsync(HttpContext context) =>
        PageHeaders.WriteAsync(context, "application/json", JsonSerializer.SerializeToUtf8Bytes(Read(serving.Current), LiveJson.Default.LiveSnapshot));

    private LiveSnapshot Read(ModelCatalog? models) => new(
        models is null ? "waiting" : "serving",
        time.GetElapsedTime(0, time.GetTimestamp()).TotalSeconds,
        options.MaxImageBytes,
        [.. (models?.All ?? []).GroupBy(model => model.Description.Name, StringComparer.Ordinal).Select(versions => Read([.. versions]))],
        counters.Of(ServerMetrics.UnknownModel).Requests);

    private LiveModel Read(ServedModel[] versions)
    {
        V1.Model latest = versions[^1].Description;
        ModelMetrics measured = metrics.Of(versions[^1]);
        int[] channels =
        [
            .. Enumerable.Range(0, versions.Max(version => version.Description.BlockChannels.Count))
                .Select(block => versions.Max(version => version.Description.BlockChannels.ElementAtOrDefault(block))),
        ];
        return new LiveModel(
            latest.Name,
            [.. versions.Select(version => version.Description.Version)],
            latest.Device,
            latest.Executor,
            latest.ExecutorFallback,
            [.. latest.Efforts.Select(point => new LiveEffort(point.Effort, point.MeanFlops / latest.DenseFlops, point.Top1, point.Milliseconds > 0 ? point.Milliseconds : null))],
            versions.Min(version => version.Effort),
            measured.InFlight,
            versions.Sum(version => version.Queue.WaitingImages),
            counters.Of(latest.Name),
            [.. measured.Blocks.Zip(channels, (block, total) => new LiveBlockCounts(total, block.Executions, block.Skips, block.Channels))]);
    }
}
