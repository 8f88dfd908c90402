namespace LCNet.Server.Tests;

/// <summary>Holds the images of a server with one worker before their dispatches, and counts those of shadow runs, which it does not hold. Disposing it lets all go: declare it after the server. Thread-safe.</summary>
internal sealed class HeldWorker : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    private readonly ManualResetEventSlim _open = new(initialState: true);
    private readonly ManualResetEventSlim _held = new();
    private int _shadowDispatches;

    /// <summary>Dispatches of shadow runs so far.</summary>
    public int ShadowDispatches => Volatile.Read(ref _shadowDispatches);

    /// <summary>What the executor asks before each dispatch.</summary>
    public Exception? Pass()
    {
        if (Thread.CurrentThread.Name == "lcnet-shadow")
        {
            Interlocked.Increment(ref _shadowDispatches);
        }
        else if (!_open.IsSet)
        {
            _held.Set();
            return _open.Wait(Longest) ? null : new TimeoutException("Held for too long.");
        }

        return null;
    }

    /// <summary>The next image is held.</summary>
    public void Close()
    {
        _held.Reset();
        _open.Reset();
    }

    /// <summary>Waits until an image is held.</summary>
    public Task WaitAsync() => Task.Run(() => Assert.True(_held.Wait(Longest, TestContext.Current.CancellationToken)), TestContext.Current.CancellationToken);

    /// <summary>Lets the image go, and those that follow.</summary>
    public void Open() => _open.Set();

    /// <inheritdoc/>
    public void Dispose() => Open();
}
