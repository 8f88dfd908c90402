using System.Collections.Concurrent;
using System.Diagnostics;

namespace LCNet.Server.Tests;

/// <summary>A trace that begins in this process, as in a backend that calls the server, with the spans of its client.</summary>
internal sealed class CallerTrace : IDisposable
{
    private readonly ActivitySource _source = new($"caller {Guid.NewGuid()}");
    private readonly ActivityListener _listener;
    private readonly ConcurrentDictionary<string, Activity> _spans = new();

    public CallerTrace()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == _source.Name || source.Name is "System.Net.Http" or "Grpc.Net.Client",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStarted = activity => _spans[activity.SpanId.ToHexString()] = activity,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>Begins the trace; dispose it when the call has ended.</summary>
    public Activity Start()
    {
        Activity.Current = null;
        return _source.StartActivity("backend")!;
    }

    /// <summary>The spans from one of this process up to the one without a parent.</summary>
    public IEnumerable<Activity> Ancestry(string spanId)
    {
        while (_spans.TryGetValue(spanId, out Activity? activity))
        {
            yield return activity;
            spanId = activity.ParentSpanId.ToHexString();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        _source.Dispose();
    }
}
