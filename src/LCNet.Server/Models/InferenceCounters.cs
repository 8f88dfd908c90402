namespace LCNet.Server.Models;

/// <summary>What one version of a model has done since it was loaded, for clients that ask for sums rather than for metrics. Thread-safe.</summary>
internal sealed class InferenceCounters(TimeProvider time)
{
    private long _last;

    /// <summary>Requests that were answered, from their arrival to the end of their reply.</summary>
    public CountedTime Succeeded { get; } = new();

    /// <summary>Requests that were not.</summary>
    public CountedTime Failed { get; } = new();

    /// <summary>Images that were answered: how long they waited.</summary>
    public CountedTime Queue { get; } = new();

    /// <summary>Image files that were decoded.</summary>
    public CountedTime Decode { get; } = new();

    /// <summary>Images that were answered: gates and network.</summary>
    public CountedTime Execute { get; } = new();

    /// <summary>When an image was answered last, in milliseconds since 1970; 0 before the first.</summary>
    public long LastInference => Interlocked.Read(ref _last);

    /// <summary>Counts an image that was answered.</summary>
    public void Answer(long queueUs, long executeUs)
    {
        Queue.Add(TimeSpan.FromMicroseconds(queueUs));
        Execute.Add(TimeSpan.FromMicroseconds(executeUs));
        Interlocked.Exchange(ref _last, time.GetUtcNow().ToUnixTimeMilliseconds());
    }
}

/// <summary>How often something happened, and how long it took in all. Thread-safe.</summary>
internal sealed class CountedTime
{
    private long _count;
    private long _ticks;

    /// <summary>How often.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>How long in all, in nanoseconds.</summary>
    public long Nanoseconds => Interlocked.Read(ref _ticks) * TimeSpan.NanosecondsPerTick;

    /// <summary>Counts one.</summary>
    public void Add(TimeSpan duration)
    {
        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _ticks, duration.Ticks);
    }
}
