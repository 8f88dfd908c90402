namespace LCNet.Page.Tests;

/// <summary>A clock that a test moves.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _now);

    /// <summary>Lets a second pass.</summary>
    public void PassSecond() => Interlocked.Add(ref _now, TimeSpan.TicksPerSecond);
}
