namespace LCNet.Server.Tests;

/// <summary>The system's clock, moved at will; timers go off when the test says so, and at no other time. Thread-safe.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Action> _timers = [];
    private long _ahead;

    public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _ahead);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (_lock)
        {
            _timers.Add(() => callback(state));
        }

        return new NoTimer();
    }

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ahead, (long)(by.TotalSeconds * TimestampFrequency));

    /// <summary>Every timer goes off once.</summary>
    public void Step()
    {
        Action[] timers;
        lock (_lock)
        {
            timers = [.. _timers];
        }

        Assert.All(timers, timer => timer());
    }

    private sealed class NoTimer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
