using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Numerics;
using Grpc.Core;
using LCNet.Server.Errors;
using LCNet.Server.Telemetry;

namespace LCNet.Server.LivePage;

/// <summary>
/// Adds up, by model, what the meter <c>LCNet.Serving</c> has measured since the server started, for the live page. It is thread-safe, and a measurement allocates nothing.
/// </summary>
internal sealed class LiveCounters : IDisposable
{
    private readonly ConcurrentDictionary<string, ModelCounters> _models = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();

    /// <summary>Begins to listen.</summary>
    /// <param name="meters">Owns the meter. That of another server in this process is not listened to.</param>
    public LiveCounters(IMeterFactory meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == ServerMetrics.MeterName && ReferenceEquals(instrument.Meter.Scope, meters) && Measurement(instrument.Name) is { } measurement)
            {
                listener.EnableMeasurementEvents(instrument, measurement);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, state) => Add(value, tags, state));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, state) => Add(value, tags, state));
        _listener.Start();
    }

    private delegate void Measured<T>(ModelCounters model, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags);

    /// <summary>What was counted of a model so far. What a request that ends meanwhile adds may be in it by halves; the next answer has the rest.</summary>
    /// <param name="model">Its name, or <see cref="ServerMetrics.UnknownModel"/>.</param>
    public LiveCounts Of(string model) => _models.GetOrAdd(model, static _ => new ModelCounters()).Read();

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    private static object? Measurement(string instrument) => instrument switch
    {
        "lcnet.flops.dense" => new Measured<long>((model, flops, _) => Interlocked.Add(ref model.DenseFlops, flops)),
        "lcnet.flops.planned" => new Measured<long>((model, flops, _) => Interlocked.Add(ref model.PlannedFlops, flops)),
        "lcnet.planned.share" => new Measured<double>((model, share, _) => model.AddImage(share)),
        "lcnet.request.duration" => new Measured<double>((model, seconds, tags) => model.AddRequest(StatusNames.Parse(Tag(tags, "status")), seconds)),
        _ => null,
    };

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

    private void Add<T>(T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? measured) =>
        ((Measured<T>)measured!)(_models.GetOrAdd(Tag(tags, "model"), static _ => new ModelCounters()), value, tags);

    private sealed class ModelCounters
    {
        public long DenseFlops;
        public long PlannedFlops;

        // Durations from 1 µs to about two minutes fall into 16 buckets for each doubling, so that one is known to within 3.2 % of itself.
        private const int Doublings = 27;
        private const int StepBits = 4;
        private const int Steps = 1 << StepBits;
        private const double Microseconds = 1e6;
        private readonly long[] _shares = new long[20];
        private readonly long[] _statuses = new long[StatusNames.Count];
        private readonly long[] _durations = new long[Doublings * Steps];

        public void AddImage(double share)
        {
            // A share on a boundary belongs to the step that it ends.
            int step = (int)Math.Ceiling(share * _shares.Length) - 1;
            Interlocked.Increment(ref _shares[Math.Clamp(step, 0, _shares.Length - 1)]);
        }

        // Only requests that were answered count as durations: a refusal is quick, and would flatter.
        public void AddRequest(StatusCode status, double seconds)
        {
            Interlocked.Increment(ref _statuses[(int)status]);
            if (status == StatusCode.OK)
            {
                Interlocked.Increment(ref _durations[Bucket(seconds)]);
            }
        }

        public LiveCounts Read() => new(
            Interlocked.Read(ref DenseFlops),
            Interlocked.Read(ref PlannedFlops),
            [.. _shares],
            [.. _durations.Index().Where(bucket => bucket.Item > 0).Select(bucket => new LiveDuration(Middle(bucket.Index) * 1e3, bucket.Item))],
            _statuses.Index().Where(status => status.Item > 0).ToDictionary(status => StatusNames.Of((StatusCode)status.Index), status => status.Item));

        private static int Bucket(double seconds)
        {
            // In sixteenths of a microsecond, the highest bit is the doubling and the next four are the step.
            long units = (long)Math.Clamp(seconds * Microseconds * Steps, Steps, long.MaxValue / 2);
            int doubling = BitOperations.Log2((ulong)units) - StepBits;
            return Math.Min(((doubling - 1) * Steps) + (int)(units >> doubling), (Doublings * Steps) - 1);
        }

        private static double Middle(int bucket) => (Steps + (bucket % Steps) + 0.5) * (1L << (bucket / Steps)) / Steps / Microseconds;
    }
}
