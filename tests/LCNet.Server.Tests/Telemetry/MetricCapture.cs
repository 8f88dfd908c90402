using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

/// <summary>Adds up what one server in this process measures, whatever else runs beside it.</summary>
internal sealed class MetricCapture : IDisposable
{
    private const string Meter = "LCNet.Serving";
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (double Sum, long Count)> _values = [];

    public MetricCapture(TestServer server)
    {
        IMeterFactory meters = server.App.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Meter && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>Names and tags of what was measured, for example <c>lcnet.requests{model=alpha,status=OK}</c>.</summary>
    public IReadOnlyCollection<string> Series
    {
        get
        {
            lock (_lock)
            {
                return [.. _values.Keys];
            }
        }
    }

    /// <summary>The sum of what was recorded, or the last value of what is observed; 0 where there is neither.</summary>
    public double Sum(string series) => Of(series).Sum;

    /// <summary>How often something was recorded.</summary>
    public long Count(string series) => Of(series).Count;

    /// <summary>Reads what is observed.</summary>
    public void Observe() => _listener.RecordObservableInstruments();

    public void Dispose() => _listener.Dispose();

    private (double Sum, long Count) Of(string series)
    {
        lock (_lock)
        {
            return _values.GetValueOrDefault(series);
        }
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string series = tags.Length == 0
            ? instrument.Name
            : $"{instrument.Name}{{{string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}").Order(StringComparer.Ordinal))}}}";
        lock (_lock)
        {
            (double sum, long count) = _values.GetValueOrDefault(series);
            _values[series] = instrument.IsObservable ? (value, count + 1) : (sum + value, count + 1);
        }
    }
}
