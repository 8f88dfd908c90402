namespace LCNet.Server.Models;

/// <summary>Whether the device that runs a model still does. Thread-safe.</summary>
/// <param name="limit">Dispatches that may fail one after another, at least 1; with the last of them the device has failed.</param>
internal sealed class ModelHealth(int limit)
{
    private readonly Lock _lock = new();
    private Exception? _last;
    private int _failures;

    /// <summary>Whether it has failed, and nothing has run since.</summary>
    public bool HasFailed => Volatile.Read(ref _failures) >= limit;

    /// <summary>An image has run.</summary>
    public void Succeed()
    {
        if (Volatile.Read(ref _failures) > 0)
        {
            Volatile.Write(ref _failures, 0);
        }
    }

    /// <summary>A dispatch of the device's has failed.</summary>
    /// <param name="exception">What it threw. The images of a batch are all told the same one, which counts once.</param>
    /// <param name="isLast">Whether it has failed now, and had not before.</param>
    /// <returns>Whether this dispatch had not been told of before.</returns>
    public bool Fail(Exception exception, out bool isLast)
    {
        lock (_lock)
        {
            bool isNew = !ReferenceEquals(exception, _last);
            _last = exception;
            isLast = isNew && Interlocked.Increment(ref _failures) == limit;
            return isNew;
        }
    }
}
