using System.Collections.Concurrent;
using Grpc.Core;
using LCNet.Bundles;

namespace LCNet.Server.Tests;

/// <summary>Clients that send images without a pause, in every way, and hold each reply to the answer that its version gives for its own image.</summary>
internal sealed class Traffic : IDisposable
{
    public const int Images = 40;
    private const int Callers = 3;
    private const int InFlight = 6;
    private const int Batch = 3;

    // A batch adds up in another order than an image by itself does.
    private const float Tolerance = 1e-4f;

    private readonly Func<string, Answers> _expected;
    private readonly ImageCaller[] _callers;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private int _answered;
    private int _replies;

    /// <summary>Begins.</summary>
    /// <param name="address">Of the server.</param>
    /// <param name="input">What its models take.</param>
    /// <param name="expected">The answers of a version.</param>
    public Traffic(Uri address, InputSpec input, Func<string, Answers> expected)
    {
        _expected = expected;
        _callers = [.. Enumerable.Range(0, Callers).Select(_ => new ImageCaller(address, input))];
        _running = Task.WhenAll(_callers.SelectMany((caller, first) => (Task[])
        [
            RunAsync(first, seed => ClassifyAsync(caller, seed)),
            RunAsync(first + 5, seed => ClassifyAsync(caller, seed)),
            RunAsync(first, _ => caller.StreamAsync(Seeds(first), InFlight, CheckOne)),
            RunAsync(first, seed => InferAsync(caller, seed)),
        ]));
    }

    /// <summary>Images whose reply was right.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Requests that were answered; one for each image, but for those of a batch.</summary>
    public int Replies => Volatile.Read(ref _replies);

    /// <summary>How often each version answered.</summary>
    public ConcurrentDictionary<string, int> Versions { get; } = [];

    /// <summary>Replies that were wrong.</summary>
    public ConcurrentQueue<string> Wrong { get; } = [];

    /// <summary>How calls ended that were not answered. Whoever made one makes no other.</summary>
    public ConcurrentQueue<RpcException> Failures { get; } = [];

    /// <summary>Waits until that many more images have been answered, or a call has failed.</summary>
    public async Task MoreAsync(int images)
    {
        int from = Answered;
        await Eventually.GetAsync(() => Task.FromResult(Answered), answered => answered >= from + images || !Failures.IsEmpty || !Wrong.IsEmpty);
    }

    /// <summary>Ends once every caller has its last reply.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public void Dispose()
    {
        foreach (ImageCaller caller in _callers)
        {
            caller.Dispose();
        }

        _stop.Dispose();
    }

    private IEnumerable<int> Seeds(int first)
    {
        for (int i = first; !_stop.IsCancellationRequested; i++)
        {
            yield return i % Images;
        }
    }

    private async Task RunAsync(int first, Func<int, Task> call)
    {
        await Task.Yield();
        try
        {
            foreach (int seed in Seeds(first))
            {
                await call(seed);
            }
        }
        catch (RpcException exception)
        {
            Failures.Enqueue(exception);
        }
    }

    private async Task ClassifyAsync(ImageCaller caller, int seed)
    {
        (string version, float[] probabilities) = await caller.ClassifyAsync(seed);
        CheckOne(seed, version, probabilities);
    }

    private async Task InferAsync(ImageCaller caller, int seed)
    {
        int[] seeds = [.. Enumerable.Range(seed, Batch).Select(each => each % Images)];
        (string version, float[][] probabilities) = await caller.InferAsync(seed % 2 == 0, seeds);
        Interlocked.Increment(ref _replies);
        for (int i = 0; i < Batch; i++)
        {
            Check(seeds[i], version, probabilities[i]);
        }
    }

    private void CheckOne(int seed, string version, float[] probabilities)
    {
        Interlocked.Increment(ref _replies);
        Check(seed, version, probabilities);
    }

    private void Check(int seed, string version, float[] probabilities)
    {
        Versions.AddOrUpdate(version, 1, (_, count) => count + 1);
        if (Answers.AreSame(_expected(version)[seed], probabilities, Tolerance))
        {
            Interlocked.Increment(ref _answered);
        }
        else
        {
            Wrong.Enqueue($"image {seed}, version {version}");
        }
    }
}
