using System.Text.Json;
using LCNet.Server.Configuration;
using LCNet.Server.Models;
using LCNet.Server.Security;
using LCNet.Server.Shadows;
using LCNet.Server.Telemetry;

namespace LCNet.Server.LivePage;

/// <summary>Answers what the live page asks once a second. Thread-safe.</summary>
internal sealed class LiveFigures(LiveCounters counters, ServerMetrics metrics, ModelRegistry registry, ServerOptions options, TimeProvider time)
{
    /// <summary>Writes a <see cref="LiveSnapshot"/> of this moment.</summary>
    public Task WriteAsync(HttpContext context) =>
        ResponseHeaders.WriteAsync(context, "application/json", JsonSerializer.SerializeToUtf8Bytes(Read(registry.Current), LiveJson.Default.LiveSnapshot));

    private LiveSnapshot Read(ModelCatalog? models) => new(
        models is null ? "waiting" : "serving",
        time.GetElapsedTime(0, time.GetTimestamp()).TotalSeconds,
        options.MaxImageBytes,
        [.. (models?.All ?? []).GroupBy(model => model.ModelName, StringComparer.Ordinal).Select(versions => Read([.. versions]))],
        counters.Of(ServerMetrics.UnknownModel).Requests);

    private static LiveAgreements Read(AgreementEstimate agreement) => new(agreement.Images, agreement.Share, agreement.Interval.Low, agreement.Interval.High, agreement.Expected);

    private LiveModel Read(ServedModel[] versions)
    {
        ServedModel latest = versions[^1];
        ModelMetrics measured = metrics.Of(latest);
        double dense = latest.Engine.Bundle.Flops.Dense;
        int[] channels =
        [
            .. Enumerable.Range(0, versions.Max(version => version.Engine.Bundle.Manifest.Blocks.Count))
                .Select(block => versions.Max(version => version.Engine.Bundle.Manifest.Blocks.ElementAtOrDefault(block)?.Channels ?? 0)),
        ];
        return new LiveModel(
            latest.ModelName,
            [.. versions.Select(version => version.Version)],
            latest.Engine.Device,
            latest.Executor,
            latest.Engine.Fallback ?? string.Empty,
            [.. latest.Engine.Bundle.Manifest.Calibration.Select(point => new LiveEffort(point.Effort, point.MeanFlops / dense, point.Top1, point.Milliseconds))],
            versions.Min(version => version.Effort.Current),
            measured.InFlight,
            versions.Sum(version => version.Queue.WaitingImages),
            Read(latest.Agreement.LastHour),
            counters.Of(latest.ModelName),
            [.. measured.Blocks.Zip(channels, (block, total) => new LiveBlockCounts(total, block.Executions, block.Skips, block.Channels))]);
    }
}
