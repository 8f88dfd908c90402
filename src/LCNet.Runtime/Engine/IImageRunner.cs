using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>Runs images that come one by one, from any thread. Thread-safe.</summary>
internal interface IImageRunner : IDisposable
{
    /// <summary>Where it runs, for example <c>cpu</c> or <c>cuda:0</c>.</summary>
    string Device { get; }

    /// <summary>What runs segments.</summary>
    ExecutorKind Kind { get; }

    /// <summary>Images that wait now.</summary>
    int Waiting { get; }

    /// <summary>Runs one image once it is its turn. The caller has checked the values.</summary>
    /// <param name="image">The network's input, 3 × height × width finite values.</param>
    /// <param name="effort">In (0, 1].</param>
    /// <param name="cap">Most FLOPs, at least <see cref="FlopsModel.Minimum"/>; <see cref="Planner.NoCap"/> for none.</param>
    /// <param name="result">Filled in.</param>
    /// <param name="cancellation">Gives up waiting; an image that has begun runs to its end.</param>
    /// <exception cref="QueueFullException">Too many images wait already.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before it ran.</exception>
    ValueTask RunAsync(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation);
}
