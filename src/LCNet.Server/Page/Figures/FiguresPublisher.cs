using System.Text.Json;

namespace LCNet.Server;

/// <summary>The figures as JSON, made when somebody asks and at most once for each sample, however many ask. Thread-safe.</summary>
internal sealed class FiguresPublisher(LiveRecorder recorder, Serving serving, ServerOptions options, TimeProvider time)
{
    private Published? _last;

    /// <summary>The figures as of the last sample, UTF-8.</summary>
    public ReadOnlyMemory<byte> Json
    {
        get
        {
            IReadOnlyList<TallySample> samples = recorder.Samples;
            ModelCatalog? models = serving.Current;
            Published? last = Volatile.Read(ref _last);
            if (last is null || last.Sample != samples[^1] || last.Models != models)
            {
                last = new Published(samples[^1], models, JsonSerializer.SerializeToUtf8Bytes(Read(samples, models), LiveJson.Default.LiveFigures));
                Volatile.Write(ref _last, last);
            }

            return last.Json;
        }
    }

    private LiveFigures Read(IReadOnlyList<TallySample> samples, ModelCatalog? models)
    {
        IEnumerable<IGrouping<string, ServedModel>> byName = models?.All.GroupBy(model => model.Description.Name, StringComparer.Ordinal) ?? [];
        long[] unknown = samples[^1].Of(ServerMetrics.UnknownModel).Since(samples[0].Of(ServerMetrics.UnknownModel));
        return new LiveFigures(
            models is null ? "waiting" : "serving",
            FiguresReader.Span(samples, time),
            options.MaxImageBytes,
            [.. byName.Select(versions => FiguresReader.Read([.. versions], samples, time))],
            FiguresReader.Requests(unknown));
    }

    private sealed record Published(TallySample Sample, ModelCatalog? Models, byte[] Json);
}
