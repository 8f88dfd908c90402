using LCNet.Runtime.Batching;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Batching;

public sealed class DynamicBatcherTests : IDisposable
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(5);

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly List<float[]> _batches = [];
    private readonly SemaphoreSlim _mayRun = new(0);
    private readonly SemaphoreSlim _began = new(0);
    private readonly Func<InferenceResult> _newResult;

    public DynamicBatcherTests()
    {
        Bundles.Bundle bundle = TestBundles.Basic(_folder);
        _newResult = () => new InferenceResult(bundle.Manifest);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_DelayOver_RunsWhatWaits()
    {
        using DynamicBatcher batcher = Batcher();
        _mayRun.Release(1);
        Task first = Run(batcher, 1);
        _time.WaitForTimer(Delay, Cancellation);
        Task second = Run(batcher, 2);
        Assert.Equal(2, batcher.Waiting);
        Assert.False(first.IsCompleted || second.IsCompleted);
        _time.Advance(Delay);
        await Task.WhenAll(first, second);
        Assert.Equal([[1f, 2f]], _batches);
        Assert.Equal(0, batcher.Waiting);
    }

    [Fact]
    public async Task RunAsync_FullBatch_RunsWithoutDelayAndTellsHowLongItWaited()
    {
        using DynamicBatcher batcher = Batcher(maxImages: 2);
        InferenceResult waited = _newResult();
        Task first = Start(batcher, Image(1, waited), 1, Cancellation);
        _time.WaitForTimer(Delay, Cancellation);
        _time.Advance(TimeSpan.FromMilliseconds(3));
        Task second = Run(batcher, 2);
        await _began.WaitAsync(Cancellation);
        _time.Advance(TimeSpan.FromMilliseconds(40));
        _mayRun.Release(1);
        await Task.WhenAll(first, second);
        Assert.Equal([[1f, 2f]], _batches);
        Assert.Equal((TimeSpan.FromMilliseconds(3), TimeSpan.FromMilliseconds(40)), (waited.QueueTime, waited.ExecuteTime));
    }

    [Fact]
    public async Task RunAsync_HeavyImage_DoesNotDelayLightOnes()
    {
        using DynamicBatcher batcher = Batcher(maxImages: 8, budget: 10);
        Task[] light = [Run(batcher, 1, 2), Run(batcher, 2, 2)];
        Task heavy = Run(batcher, 3, 100);
        _mayRun.Release(1);
        await Task.WhenAll(light);
        Assert.False(heavy.IsCompleted);
        _mayRun.Release(1);
        await heavy;
        Assert.Equal([[1f, 2f], [3f]], _batches);
    }

    [Fact]
    public async Task RunAsync_CancelledWhileWaiting_FreesItsPlaceAndDoesNotRun()
    {
        using DynamicBatcher batcher = Batcher(maxImages: 1);
        Task running = Run(batcher, 1);
        await _began.WaitAsync(Cancellation);
        using var cancellation = new CancellationTokenSource();
        Task[] waiting = [Run(batcher, 2), Run(batcher, 3, cancellation: cancellation.Token)];
        await cancellation.CancelAsync();
        OperationCanceledException exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting[1]);
        Assert.Equal(cancellation.Token, exception.CancellationToken);
        Task instead = Run(batcher, 5);
        _mayRun.Release(3);
        await Task.WhenAll(running, waiting[0], instead);
        Assert.Equal([[1f], [2f], [5f]], _batches);
    }

    [Fact]
    public async Task RunAsync_CancelledBeforeOrAfterItsTurn_DoesNotWaitOrIsNotStopped()
    {
        using DynamicBatcher batcher = Batcher(maxImages: 1);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Run(batcher, 1, cancellation: new CancellationToken(true)));
        using var cancellation = new CancellationTokenSource();
        Task running = Run(batcher, 2, cancellation: cancellation.Token);
        await _began.WaitAsync(Cancellation);
        await cancellation.CancelAsync();
        Assert.False(running.IsCompleted);
        _mayRun.Release(1);
        await running;
        Assert.Equal([[2f]], _batches);
    }

    [Fact]
    public async Task RunAsync_BatchThatThrows_FailsItsOwnImagesOnly()
    {
        using DynamicBatcher batcher = Batcher(maxImages: 2);
        Task[] good = [Run(batcher, 1), Run(batcher, 2)];
        await _began.WaitAsync(Cancellation);
        Task[] bad = [Run(batcher, 3), Run(batcher, -1)];
        Task[] after = [Run(batcher, 4), Run(batcher, 5)];
        _mayRun.Release(3);
        await Task.WhenAll([.. good, .. after]);
        foreach (Task task in bad)
        {
            Assert.Equal("3 -1", (await Assert.ThrowsAsync<IOException>(() => task)).Message);
        }
    }

    [Fact]
    public async Task Dispose_ImagesWait_FailsThemOnceTheBatchHasEnded()
    {
        DynamicBatcher batcher = Batcher(maxImages: 1);
        Task running = Run(batcher, 1);
        await _began.WaitAsync(Cancellation);
        Task waiting = Run(batcher, 2);
        Task disposing = Task.Run(batcher.Dispose, Cancellation);
        Task refused = Run(batcher, 3);
        while (!refused.IsCompleted)
        {
            // It still came before the end, and waits; now the next one.
            await Task.Delay(5, Cancellation);
            refused = Run(batcher, 3);
        }

        _mayRun.Release(1);
        await running;
        await disposing;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => refused);
        Assert.Equal([[1f]], _batches);
    }

    [Fact]
    public async Task RunAsync_SeveralThreads_RunsABatchWhileAnotherRuns()
    {
        using var batcher = new DynamicBatcher([Hold, Hold], new BatchQueue(2, Delay, double.MaxValue, _time), 2, _time);
        Task[] images = [.. Enumerable.Range(1, 5).Select(name => Run(batcher, name))];
        await _began.WaitAsync(Cancellation);
        await _began.WaitAsync(Cancellation);
        Assert.Equal(1, batcher.Waiting);
        Assert.All(images, image => Assert.False(image.IsCompleted));
        _time.Advance(Delay);
        _mayRun.Release(3);
        await Task.WhenAll(images);
        Assert.Equal([1f, 2f, 3f, 4f, 5f], _batches.SelectMany(batch => batch).Order());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task RunAsync_ManyCallersOfWhomSomeGiveUp_EachGetsItsOwnEnd(int threads)
    {
        _mayRun.Release(int.MaxValue);
        using var batcher = new DynamicBatcher([.. Enumerable.Repeat<Action<ReadOnlySpan<BatchImage>>>(Answer, threads)], new BatchQueue(8, TimeSpan.Zero, double.MaxValue, TimeProvider.System), 8, TimeProvider.System);
        int given = 0;
        await Parallel.ForAsync(0, 16, Cancellation, async (caller, _) =>
        {
            var random = new Random(caller);
            InferenceResult result = _newResult();
            using BatchItem item = batcher.CreateItem();
            for (int i = 0; i < 500; i++)
            {
                int name = (caller * 1000) + i;
                using var cancellation = new CancellationTokenSource();
                try
                {
                    batcher.Begin(item, Image(name, result), 1, cancellation.Token);
                    if (random.Next(4) == 0)
                    {
                        await cancellation.CancelAsync();
                    }

                    DynamicBatcher.End(item, cancellation.Token);
                    Assert.Equal(name, result.Effort);
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref given);
                }
            }
        });

        Assert.True(given > 0);
        Assert.Equal(0, batcher.Waiting);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _mayRun.Dispose();
        _began.Dispose();
    }

    private static BatchImage Image(float name, InferenceResult result) => new(new[] { name }, 1, 0, result, default);

    private static void Answer(ReadOnlySpan<BatchImage> images)
    {
        foreach (BatchImage image in images)
        {
            image.Result.Effort = image.Pixels.Span[0];
        }
    }

    private DynamicBatcher Batcher(int maxImages = 8, double budget = double.MaxValue) =>
        new([Hold], new BatchQueue(maxImages, Delay, budget, _time), maxImages, _time);

    private Task Run(DynamicBatcher batcher, float name, double estimate = 1, CancellationToken? cancellation = null) =>
        Start(batcher, Image(name, _newResult()), estimate, cancellation ?? Cancellation);

    // In the order of these calls, each waits on a thread of its own.
    private static Task Start(DynamicBatcher batcher, BatchImage image, double estimate, CancellationToken cancellation)
    {
        BatchItem item = batcher.CreateItem();
        try
        {
            batcher.Begin(item, image, estimate, cancellation);
        }
        catch (Exception exception) when (exception is ObjectDisposedException or OperationCanceledException)
        {
            return Task.FromException(exception);
        }

        return Task.Factory.StartNew(() => DynamicBatcher.End(item, cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    // Runs once the test lets it.
    private void Hold(ReadOnlySpan<BatchImage> images)
    {
        float[] names = [.. images.ToArray().Select(image => image.Pixels.Span[0])];
        lock (_batches)
        {
            _batches.Add(names);
        }

        _began.Release();
        _mayRun.Wait();
        if (names.Contains(-1))
        {
            throw new IOException(string.Join(' ', names));
        }
    }
}
