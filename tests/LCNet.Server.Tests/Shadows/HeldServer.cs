using LCNet.Runtime.Execution.Simd;
using LCNet.Server.Models;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

/// <summary>A server with one worker that holds images before their dispatches while it is closed; those of shadow runs it counts and does not hold. Disposing it lets all go, and then stops it. Thread-safe.</summary>
internal sealed class HeldServer : IAsyncDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    private readonly ManualResetEventSlim _open = new(initialState: true);
    private readonly ManualResetEventSlim _held = new();
    private int _shadowDispatches;

    private HeldServer()
    {
    }

    public TestServer Server { get; private set; } = null!;

    public MetricCapture Metrics { get; private set; } = null!;

    /// <summary>Dispatches of shadow runs so far.</summary>
    public int ShadowDispatches => Volatile.Read(ref _shadowDispatches);

    /// <summary>Starts one over a model folder.</summary>
    public static async Task<HeldServer> StartAsync(string models, params string[] settings)
    {
        var held = new HeldServer();
        var executors = new FaultyExecutors(bundle => new SimdExecutor(bundle)) { Fault = held.Pass };
        held.Server = await TestServer.StartAsync(models, services => services.AddSingleton<EngineFactory>(executors.Load), ["Workers=1", .. settings]);
        held.Metrics = new MetricCapture(held.Server);
        return held;
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
    public async ValueTask DisposeAsync()
    {
        // Else the server waits for the worker.
        Open();
        Metrics.Dispose();
        await Server.DisposeAsync();
    }

    private TimeoutException? Pass()
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
}
