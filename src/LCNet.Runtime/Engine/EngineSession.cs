using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Engine;

/// <summary>
/// One image at a time on its way through an engine's network, with buffers of its own. <see cref="Run"/> blocks until the image has run: by itself where the engine runs images one by one, as part of a batch where it
/// gathers them. Not thread-safe; as many sessions of one engine as are wanted run beside each other. Dispose it before its engine.
/// </summary>
public abstract class EngineSession : IDisposable
{
    private readonly Bundle _bundle;

    private protected EngineSession(Bundle bundle) => _bundle = bundle;

    /// <summary>Runs one image.</summary>
    /// <param name="image">The network's input, 3 × height × width finite values.</param>
    /// <param name="effort">In (0, 1].</param>
    /// <param name="cap">Most FLOPs, at least <see cref="FlopsModel.Minimum"/>; <see cref="Planner.NoCap"/> for none.</param>
    /// <param name="result">From <see cref="InferenceEngine.CreateResult"/>; filled in.</param>
    /// <param name="cancellation">Gives up waiting for a batch; an image that has begun runs to its end.</param>
    /// <exception cref="OperationCanceledException">Cancelled before it ran.</exception>
    /// <exception cref="ArgumentException">The image has another length, or effort or cap is out of range.</exception>
    public void Run(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(result);
        CheckLength(image);
        if (!(effort > 0 && effort <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(effort), effort, "Effort lies in (0, 1].");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(cap, _bundle.Flops.Minimum);
        cancellation.ThrowIfCancellationRequested();
        RunChecked(image, effort, cap, result, cancellation);
    }

    /// <summary>Runs one image with every gate open, as the static network would.</summary>
    /// <param name="image">The network's input, 3 × height × width finite values.</param>
    /// <param name="result">From <see cref="InferenceEngine.CreateResult"/>; filled in.</param>
    /// <param name="isWanted">
    /// Asked before it runs and, where images run by themselves, before each segment, on the calling thread, which it may keep waiting; once it says no nothing more runs. Null: always.
    /// </param>
    /// <param name="cancellation">As for <see cref="Run"/>.</param>
    /// <returns>Whether it ran to its end; else the result means nothing.</returns>
    /// <exception cref="OperationCanceledException">Cancelled before it ran.</exception>
    /// <exception cref="ArgumentException">The image has another length.</exception>
    public bool RunOpen(ReadOnlyMemory<float> image, InferenceResult result, Func<bool>? isWanted, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(result);
        CheckLength(image);
        cancellation.ThrowIfCancellationRequested();
        return RunOpenChecked(image, result, isWanted, cancellation);
    }

    /// <summary>Frees its buffers.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees its buffers.</summary>
    protected abstract void Dispose(bool disposing);

    private protected abstract void RunChecked(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation);

    private protected abstract bool RunOpenChecked(ReadOnlyMemory<float> image, InferenceResult result, Func<bool>? isWanted, CancellationToken cancellation);

    private void CheckLength(ReadOnlyMemory<float> image)
    {
        if (image.Length != _bundle.Manifest.Input.Length)
        {
            throw new ArgumentException($"{image.Length} values; the network takes {_bundle.Manifest.Input.Length}.", nameof(image));
        }
    }
}

/// <summary>Runs each image by itself, on the calling thread. What a CPU does best: a core gains nothing by a batch.</summary>
internal sealed class LaneSession : EngineSession
{
    private readonly ISegmentLane _lane;
    private readonly Dispatcher _dispatcher;

    /// <summary>Runs every segment once, so that the first image finds them warm.</summary>
    /// <param name="lane">For the same bundle; owned, also where this throws.</param>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public LaneSession(Bundle bundle, ISegmentLane lane)
        : base(bundle)
    {
        _lane = lane;
        try
        {
            Dispatcher.WarmUp(bundle, lane);
        }
        catch
        {
            lane.Dispose();
            throw;
        }

        _dispatcher = new Dispatcher(bundle, lane);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _lane.Dispose();

    private protected override void RunChecked(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        _dispatcher.Run(image.Span, effort, cap, result);
        result.QueueTime = TimeSpan.Zero;
        result.ExecuteTime = Stopwatch.GetElapsedTime(began);
    }

    private protected override bool RunOpenChecked(ReadOnlyMemory<float> image, InferenceResult result, Func<bool>? isWanted, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        bool ran = _dispatcher.RunOpen(image.Span, result, isWanted);
        result.QueueTime = TimeSpan.Zero;
        result.ExecuteTime = Stopwatch.GetElapsedTime(began);
        return ran;
    }
}

/// <summary>Waits for a batch that has room, and for its end.</summary>
internal sealed class BatchSession(Bundle bundle, DynamicBatcher batcher, PinnedRows rows, EffortCurve efforts) : EngineSession(bundle)
{
    private readonly long _dense = bundle.Flops.Dense;
    private readonly BatchItem _item = batcher.CreateItem();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _item.Dispose();

    private protected override void RunChecked(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation) =>
        Run(new BatchImage(image, effort, cap, result, default), Math.Min(cap, efforts.FlopsFor(effort)), cancellation);

    private protected override bool RunOpenChecked(ReadOnlyMemory<float> image, InferenceResult result, Func<bool>? isWanted, CancellationToken cancellation)
    {
        if (isWanted?.Invoke() == false)
        {
            return false;
        }

        Run(new BatchImage(image, 1, Planner.NoCap, result, default, IsOpen: true), _dense, cancellation);
        return true;
    }

    private void Run(in BatchImage image, double estimate, CancellationToken cancellation)
    {
        Span<float> row = rows.Rent(out nint staged);
        try
        {
            image.Pixels.Span.CopyTo(row);
            batcher.Run(_item, image with { Staged = staged }, estimate, cancellation);
        }
        finally
        {
            rows.Return(staged);
        }
    }
}
