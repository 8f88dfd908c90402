using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Text.Json;
using Grpc.Core;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>The meter <c>LCNet.Serving</c>. Thread-safe.</summary>
internal sealed class ServerMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = ImageActivities.SourceName;

    /// <summary>Value of the tag <c>model</c> for requests that name no model that is served.</summary>
    public const string UnknownModel = "unknown";

    private static readonly StatusCode[] ModelStatuses =
        [StatusCode.OK, StatusCode.Cancelled, StatusCode.InvalidArgument, StatusCode.DeadlineExceeded, StatusCode.ResourceExhausted, StatusCode.Internal];

    private static readonly StatusCode[] UnknownStatuses = [StatusCode.InvalidArgument, StatusCode.NotFound, StatusCode.ResourceExhausted, StatusCode.Unavailable];

    // As JSON writes names: no_key.
    private static readonly KeyValuePair<string, object?>[] AccessProblems =
        [.. Enum.GetNames<AccessProblem>().Select(name => KeyValuePair.Create("reason", (object?)JsonNamingPolicy.SnakeCaseLower.ConvertName(name)))];

    private readonly Serving _serving;
    private readonly ServerInstruments _instruments;
    private FrozenDictionary<string, ModelMetrics> _models = FrozenDictionary<string, ModelMetrics>.Empty;
    private ILookup<string, ServedModel> _versions = Array.Empty<ServedModel>().ToLookup(_ => string.Empty);

    /// <summary>Makes the instruments.</summary>
    /// <param name="meters">Owns the meter.</param>
    /// <param name="serving">Whether calls are taken.</param>
    public ServerMetrics(IMeterFactory meters, Serving serving)
    {
        _serving = serving;
        Meter meter = meters.Create(MeterName);
        _instruments = new ServerInstruments(meter);
        Unknown = new ModelMetrics(_instruments, UnknownModel, 0, UnknownStatuses);
        foreach (KeyValuePair<string, object?> problem in AccessProblems)
        {
            _instruments.AccessRefusals.Add(0, problem);
        }

        meter.CreateObservableCounter("lcnet.block.executions", () => OfBlocks(block => block.Executions), "{execution}", "Images answered that ran the block");
        meter.CreateObservableCounter("lcnet.block.skips", () => OfBlocks(block => block.Skips), "{skip}", "Images answered that skipped the block");
        meter.CreateObservableCounter("lcnet.block.channels", () => OfBlocks(block => block.Channels), "{channel}", "Channels that the block ran with, added up over images");
        meter.CreateObservableGauge("lcnet.queue.depth", () => OfModels((name, _) => Waiting(name)), "{image}", "Images that wait for their turn");
        meter.CreateObservableGauge("lcnet.queue.flops", () => OfModels((name, _) => _versions[name].Sum(model => model.Queue.WaitingFlops)), "{flop}", "FLOPs that the images that wait are expected to cost");
        meter.CreateObservableGauge("lcnet.queue.bytes", () => OfModels((name, _) => _versions[name].Sum(model => model.Queue.WaitingBytes)), "By", "Bytes of the images that wait");
        meter.CreateObservableGauge("lcnet.queue.clients", () => OfModels((name, _) => _versions[name].Sum(model => model.Queue.Clients)), "{client}", "Clients that have images waiting or running");
        meter.CreateObservableGauge("lcnet.queue.delay", () => OfModels((name, _) => _versions[name].Max(model => model.Queue.ExpectedDelay.TotalSeconds)), "s", "How long what waits is expected to take");
        meter.CreateObservableGauge("lcnet.capacity", () => OfModels((name, _) => _versions[name].Max(model => model.Queue.FlopsPerSecond)), "{flop}/s", "Planned FLOPs a second that a model gets done while it is busy, as lately measured");
        meter.CreateObservableGauge("lcnet.in_flight", () => OfModels((_, model) => model.InFlight), "{request}", "Requests that have begun and not ended");
        meter.CreateObservableGauge("lcnet.effort", () => OfModels((name, _) => _versions[name].Min(model => model.Effort)), null, "Effort of requests that state neither effort nor a cap");
        meter.CreateObservableGauge("lcnet.models.loaded", () => _serving.IsReady ? _versions.Sum(versions => versions.Count()) : 0, "{model}", "Versions of models that take calls");
    }

    /// <summary>For requests that name no model that is served.</summary>
    public ModelMetrics Unknown { get; }

    /// <summary>Begins to measure models. Call it once, before they take calls.</summary>
    public void Begin(ModelCatalog models)
    {
        _versions = models.All.ToLookup(model => model.Description.Name, StringComparer.Ordinal);
        var metrics = _versions.ToFrozenDictionary(
            versions => versions.Key,
            versions => new ModelMetrics(_instruments, versions.Key, versions.Max(version => version.Description.BlockChannels.Count), ModelStatuses),
            StringComparer.Ordinal);
        foreach (ModelMetrics model in metrics.Values)
        {
            model.ShowFlops();
        }

        Volatile.Write(ref _models, metrics);
    }

    /// <summary>Measures of a model that is served; null for those of no model in particular.</summary>
    public ModelMetrics Of(ServedModel? model) => model is null ? Unknown : Volatile.Read(ref _models)[model.Description.Name];

    /// <summary>A call or a connection was turned away.</summary>
    public void RefuseAccess(AccessProblem problem) => _instruments.AccessRefusals.Add(1, AccessProblems[(int)problem]);

    private int Waiting(string name) => _versions[name].Sum(model => model.Queue.WaitingImages);

    private IEnumerable<Measurement<T>> OfModels<T>(Func<string, ModelMetrics, T> value)
        where T : struct =>
        Volatile.Read(ref _models).Select(model => new Measurement<T>(value(model.Key, model.Value), model.Value.Tags));

    private IEnumerable<Measurement<long>> OfBlocks(Func<BlockMetrics, long> value) =>
        Volatile.Read(ref _models).Values.SelectMany(model => model.Blocks).Select(block => new Measurement<long>(value(block), block.Tags));
}
