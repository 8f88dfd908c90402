using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using Grpc.Core;

namespace LCNet.Server;

/// <summary>
/// Listens to the meter <c>LCNet.Serving</c> and keeps what had been counted at each of the last seconds. A measurement costs a few
/// additions and allocates nothing; everything else happens once a second. Thread-safe.
/// </summary>
internal sealed class LiveRecorder : BackgroundService
{
    /// <summary>Length of the window.</summary>
    public const int Seconds = 60;

    private static readonly Dictionary<string, object> Sinks = new(StringComparer.Ordinal)
    {
        ["lcnet.flops.dense"] = new Sink<long>((model, _, flops) => model.Add(TallyLayout.Dense, flops)),
        ["lcnet.flops.planned"] = new Sink<long>((model, _, flops) => model.Add(TallyLayout.Planned, flops)),
        ["lcnet.flops.executed"] = new Sink<long>((model, _, flops) => model.Add(TallyLayout.Executed, flops)),
        ["lcnet.planned.share"] = new Sink<double>((model, _, share) => model.AddImage(share)),
        ["lcnet.request.duration"] = new Sink<double>((model, tags, seconds) => model.AddRequest(StatusNames.Parse(Tag(tags, "status")), seconds)),
        ["lcnet.block.executions"] = new Sink<long>((model, tags, executions) => model.SetBlock(Block(tags), 0, executions)),
        ["lcnet.block.skips"] = new Sink<long>((model, tags, skips) => model.SetBlock(Block(tags), 1, skips)),
        ["lcnet.block.channels"] = new Sink<long>((model, tags, channels) => model.SetBlock(Block(tags), 2, channels)),
        ["lcnet.effort"] = new Sink<double>((model, _, effort) => model.Effort = effort),
        ["lcnet.in_flight"] = new Sink<int>((model, _, requests) => model.InFlight = requests),
        ["lcnet.queue.depth"] = new Sink<int>((model, _, images) => model.Waiting = images),
    };

    private readonly ConcurrentDictionary<string, ModelTally> _models = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly MeterListener _listener = new();
    private readonly Lock _sampling = new();
    private TallySample[] _samples = [];

    /// <summary>Begins to listen.</summary>
    /// <param name="meters">Owns the meter; that of another server in this process is not listened to.</param>
    /// <param name="time">The clock.</param>
    public LiveRecorder(IMeterFactory meters, TimeProvider time)
    {
        _time = time;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == ServerMetrics.MeterName
                && ReferenceEquals(instrument.Meter.Scope, meters)
                && Sinks.TryGetValue(instrument.Name, out object? sink))
            {
                listener.EnableMeasurementEvents(instrument, sink);
            }
        };
        _listener.SetMeasurementEventCallback<int>(Take);
        _listener.SetMeasurementEventCallback<long>(Take);
        _listener.SetMeasurementEventCallback<double>(Take);
        _listener.Start();
        Sample();
    }

    private delegate void Sink<T>(ModelTally model, ReadOnlySpan<KeyValuePair<string, object?>> tags, T value);

    /// <summary>The samples of the window, oldest first; at least one.</summary>
    public IReadOnlyList<TallySample> Samples => Volatile.Read(ref _samples);

    /// <summary>Takes a sample now.</summary>
    public void Sample()
    {
        lock (_sampling)
        {
            _listener.RecordObservableInstruments();
            var models = _models.ToDictionary(
                model => model.Key,
                model => new ModelSample(model.Value.Copy(), model.Value.Effort, model.Value.InFlight, model.Value.Waiting),
                StringComparer.Ordinal);
            Volatile.Write(ref _samples, [.. _samples.TakeLast(Seconds), new TallySample(_time.GetTimestamp(), models)]);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _listener.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                Sample();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // A host that is disposed without being stopped would report it as a failure.
        }
    }

    private static string Tag(ReadOnlySpan<KeyValuePair<string, object?>> tags, string name)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key == name)
            {
                return tag.Value as string ?? string.Empty;
            }
        }

        return string.Empty;
    }

    private static int Block(ReadOnlySpan<KeyValuePair<string, object?>> tags) => int.Parse(Tag(tags, "block"), NumberStyles.None, CultureInfo.InvariantCulture);

    private void Take<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        if (state is Sink<T> sink)
        {
            sink(_models.GetOrAdd(Tag(tags, "model"), static _ => new ModelTally()), tags, value);
        }
    }
}
