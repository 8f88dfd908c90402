using System.Diagnostics;
using System.Runtime.ExceptionServices;
using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Batching;

/// <summary>A session's image that waits for its batch and then for the batch's end. Reused from image to image; while it waits it is guarded by the batcher's lock.</summary>
internal sealed class BatchItem : IDisposable
{
    private readonly ManualResetEventSlim _ended = new();
    private Exception? _failure;

    /// <summary>Makes an item that is in no queue.</summary>
    /// <param name="batcher">Runs it; it is asked to give up what is cancelled. Null in tests of the queue alone.</param>
    public BatchItem(DynamicBatcher? batcher)
    {
        Batcher = batcher;
        Node = new LinkedListNode<BatchItem>(this);
    }

    /// <summary>The batcher that runs it.</summary>
    public DynamicBatcher? Batcher { get; }

    /// <summary>The item's node in the queue, so that it is removed without a search.</summary>
    public LinkedListNode<BatchItem> Node { get; }

    /// <summary>The image to run.</summary>
    public BatchImage Image { get; private set; }

    /// <summary>FLOPs that it is expected to take.</summary>
    public double Estimate { get; private set; }

    /// <summary>When it began to wait, a timestamp of the queue's clock.</summary>
    public long Queued { get; private set; }

    /// <summary>The span of its wait; null while nobody listens.</summary>
    public Activity? Wait { get; set; }

    /// <summary>Makes this the item of an image.</summary>
    public void Begin(in BatchImage image, double estimate, long queued)
    {
        Image = image;
        Estimate = estimate;
        Queued = queued;
        _failure = null;
        _ended.Reset();
    }

    /// <summary>Waits until the image has run, failed or been cancelled, and lets go of the caller's buffers.</summary>
    public void End()
    {
        _ended.Wait();
        Wait?.Dispose();
        (Image, Wait) = (default, null);
        if (_failure is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>The image has run. The item belongs to its session again at once.</summary>
    public void Succeed() => _ended.Set();

    /// <summary>The image has not run, or failed. The item belongs to its session again at once.</summary>
    public void Fail(Exception exception)
    {
        _failure = exception;
        _ended.Set();
    }

    /// <inheritdoc/>
    public void Dispose() => _ended.Dispose();
}

/// <summary>One image of a batch.</summary>
/// <param name="Pixels">The network's input, 3 × height × width values.</param>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Cap">Most FLOPs; <see cref="Bundles.Planner.NoCap"/> for none.</param>
/// <param name="Result">Takes logits, plan and executed FLOPs.</param>
/// <param name="Trace">The span that its own belong to; the default for none.</param>
/// <param name="IsOpen">Whether every block and channel runs, unscaled, whatever the gates say, which run for the whole batch.</param>
/// <param name="Staged">Where its pixels lie in <see cref="PinnedRows"/>; 0 where they do not.</param>
internal readonly record struct BatchImage(ReadOnlyMemory<float> Pixels, double Effort, long Cap, InferenceResult Result, ActivityContext Trace, bool IsOpen = false, nint Staged = 0);
