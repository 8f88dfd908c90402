using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Text.Json;
using Grpc.Core;
using LCNet.Runtime.Engine;
using LCNet.Server.Models;
using LCNet.Server.Security;

namespace LCNet.Server.Telemetry;

/// <summary>The meter <c>LCNet.Serving</c>. Thread-safe.</summary>
internal sealed class ServerMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = ImageActivities.SourceName;

    /// <summary>Value of the tag <c>model</c> for requests that name no model that is served.</summary>
    public const string UnknownModel = "unknown";

    private static readonly StatusCode[] ModelStatuses =
        [StatusCode.OK, StatusCode.Cancelled, StatusCode.InvalidArgument, StatusCode.DeadlineExceeded, StatusCode.ResourceExhausted, StatusCode.Internal, StatusCode.Unavailable];

    private static readonly StatusCode[] UnknownStatuses = [StatusCode.Cancelled, StatusCode.InvalidArgument, StatusCode.NotFound, StatusCode.ResourceExhausted, StatusCode.Unavailable];

    // As JSON writes names: no_key.
    private static readonly KeyValuePair<string, object?>[] AccessProblems =
        [.. Enum.GetNames<AccessProblem>().Select(name => KeyValuePair.Create("reason", (object?)JsonNamingPolicy.SnakeCaseLower.ConvertName(name)))];

    private readonly ModelRegistry _registry;
    private readonly ServerInstruments _instruments;
    private FrozenDictionary<string, ModelMetrics> _models = FrozenDictionary<string, ModelMetrics>.Empty;

    /// <summary>Makes the instruments.</summary>
    /// <param name="meters">Owns the meter.</param>
    public ServerMetrics(IMeterFactory meters, ModelRegistry registry)
    {
        _registry = registry;
        Meter meter = meters.Create(MeterName);
        _instruments = new ServerInstruments(meter);
        Unknown = new ModelMetrics(_instruments, UnknownModel, UnknownStatuses);
        foreach (KeyValuePair<string, object?> problem in AccessProblems)
        {
            _instruments.AccessRefusals.Add(0, problem);
        }

        foreach (ModelChange change in Enum.GetValues<ModelChange>())
        {
            _instruments.ModelChanges.Add(0, Tag(change));
        }

        meter.CreateObservableCounter("lcnet.block.executions", () => OfBlocks(block => block.Executions), "{execution}", "Images answered that ran the block");
        meter.CreateObservableCounter("lcnet.block.skips", () => OfBlocks(block => block.Skips), "{skip}", "Images answered that skipped the block");
        meter.CreateObservableCounter("lcnet.block.channels", () => OfBlocks(block => block.Channels), "{channel}", "Channels that the block ran with, added up over images");
        meter.CreateObservableGauge("lcnet.queue.depth", () => OfServed(models => models.Sum(model => model.Queue.WaitingImages)), "{image}", "Images that wait for their turn");
        meter.CreateObservableGauge("lcnet.queue.flops", () => OfServed(models => models.Sum(model => model.Queue.WaitingFlops)), "{flop}", "FLOPs that the images that wait are expected to cost");
        meter.CreateObservableGauge("lcnet.queue.bytes", () => OfServed(models => models.Sum(model => model.Queue.WaitingBytes)), "By", "Bytes of the images that wait");
        meter.CreateObservableGauge("lcnet.queue.clients", () => OfServed(models => models.Sum(model => model.Queue.Clients)), "{client}", "Clients that have images waiting or running");
        meter.CreateObservableGauge("lcnet.queue.delay", () => OfServed(models => models.Max(model => model.Queue.ExpectedDelay.TotalSeconds)), "s", "How long what waits is expected to take");
        meter.CreateObservableGauge("lcnet.capacity", () => OfServed(models => models.Max(model => model.Queue.FlopsPerSecond)), "{flop}/s", "Planned FLOPs a second that a model gets done while it is busy, as lately measured");
        meter.CreateObservableGauge("lcnet.in_flight", () => Volatile.Read(ref _models).Values.Select(model => new Measurement<int>(model.InFlight, model.Tags)), "{request}", "Requests that have begun and not ended");
        meter.CreateObservableGauge("lcnet.effort", () => OfServed(models => models.Min(model => model.Effort.Current)), null, "Effort of requests that state neither effort nor a cap");
        meter.CreateObservableGauge("lcnet.shadow.waiting", () => OfServed(models => models.Sum(model => model.Shadows?.InUse ?? 0)), "{image}", "Images that are kept for their shadow run");
        meter.CreateObservableGauge("lcnet.effort.floor", () => OfServed(models => models.Max(model => model.Agreement.Floor)), null, "Effort below which requests that leave it to the server do not come, so that answers agree as MinAgreement asks");
        meter.CreateObservableGauge("lcnet.agreement", () => OfServed(models => models.Min(model => model.Agreement.LastHour.Share)), null, "Share of the shadow runs of the last hour that agree with the answer");
        meter.CreateObservableGauge("lcnet.agreement.expected", () => OfServed(models => models.Min(model => model.Agreement.LastHour.Expected)), null, "The same by the calibration table, at the efforts of those images");
        meter.CreateObservableGauge("lcnet.agreement.drift", () => OfServed(models => models.Max(model => model.Agreement.Drift)), null, "Evidence that answers agree less than the calibration table says: the sum of a sequential test");
        meter.CreateObservableGauge("lcnet.models.loaded", () => _registry.Current?.All.Count ?? 0, "{model}", "Versions of models that take calls");
    }

    /// <summary>For requests that name no model that is served.</summary>
    public ModelMetrics Unknown { get; }

    /// <summary>Measures these models too. Call it before they take calls, one caller at a time. What has been counted of a model stays, whatever is served of it.</summary>
    public void Follow(ModelCatalog models)
    {
        var metrics = new Dictionary<string, ModelMetrics>(_models, StringComparer.Ordinal);
        foreach (ServedModel model in models.All)
        {
            string name = model.ModelName;
            if (!metrics.TryGetValue(name, out ModelMetrics? measures))
            {
                measures = new ModelMetrics(_instruments, name, ModelStatuses);
                metrics.Add(name, measures);
            }

            measures.Show(model.Engine.Bundle.Manifest.Blocks.Count);
        }

        Volatile.Write(ref _models, metrics.ToFrozenDictionary(StringComparer.Ordinal));
    }

    /// <summary>A version of a model was loaded, unloaded or refused.</summary>
    public void Changed(ModelChange change) => _instruments.ModelChanges.Add(1, Tag(change));

    /// <summary>Measures of a model that is served; null for those of no model in particular.</summary>
    public ModelMetrics Of(ServedModel? model) => model is null ? Unknown : Volatile.Read(ref _models)[model.ModelName];

    /// <summary>A call or a connection was turned away.</summary>
    public void RefuseAccess(AccessProblem problem) => _instruments.AccessRefusals.Add(1, AccessProblems[(int)problem]);

    private static KeyValuePair<string, object?> Tag(ModelChange change) => new("change", Enum.GetName(change)!.ToLowerInvariant());

    // Of the versions of each model that are shown, whether they take calls or not.
    private IEnumerable<Measurement<T>> OfServed<T>(Func<IEnumerable<ServedModel>, T> value)
        where T : struct =>
        (_registry.Shown?.All ?? []).GroupBy(Of).Select(versions => new Measurement<T>(value(versions), versions.Key.Tags));

    private IEnumerable<Measurement<double>> OfServed(Func<IEnumerable<ServedModel>, double?> value) =>
        (_registry.Shown?.All ?? []).GroupBy(Of).SelectMany(versions => value(versions) is double found ? new[] { new Measurement<double>(found, versions.Key.Tags) } : []);

    private IEnumerable<Measurement<long>> OfBlocks(Func<BlockMetrics, long> value) =>
        Volatile.Read(ref _models).Values.SelectMany(model => model.Blocks).Select(block => new Measurement<long>(value(block), block.Tags));
}
