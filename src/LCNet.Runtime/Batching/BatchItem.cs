using System.Diagnostics;
using System.Threading.Tasks.Sources;

namespace LCNet.Runtime;

/// <summary>An image that waits for its batch and then for the batch's end. Reused from image to image; what it is about is guarded by whoever owns the queue.</summary>
internal sealed class BatchItem : IValueTaskSource
{
    // Callers go on elsewhere: what they do next must not hold up the thread that runs batches.
    private ManualResetValueTaskSourceCore<bool> _end = new() { RunContinuationsAsynchronously = true };

    private readonly Action<BatchItem, CancellationToken> _cancel;

    /// <summary>Makes an item that is in no queue.</summary>
    /// <param name="cancel">Called when whoever waits for the item gives up.</param>
    public BatchItem(Action<BatchItem, CancellationToken> cancel)
    {
        _cancel = cancel;
        Node = new LinkedListNode<BatchItem>(this);
    }

    /// <summary>Its place in a queue.</summary>
    public LinkedListNode<BatchItem> Node { get; }

    /// <summary>What to run.</summary>
    public BatchImage Image { get; private set; }

    /// <summary>FLOPs that it is expected to take.</summary>
    public double Estimate { get; private set; }

    /// <summary>When it began to wait, a timestamp of the queue's clock.</summary>
    public long Queued { get; private set; }

    /// <summary>The span of its wait; null while nobody listens.</summary>
    public Activity? Wait { get; set; }

    /// <summary>Begins an image.</summary>
    public void Begin(in BatchImage image, double estimate, long queued)
    {
        Image = image;
        Estimate = estimate;
        Queued = queued;
        _end.Reset();
    }

    /// <summary>Ends when the image has run, failed or been cancelled. To be awaited once an image.</summary>
    public ValueTask EndAsync() => new(this, _end.Version);

    /// <summary>Whoever waits for the item gives up.</summary>
    public void Cancel(CancellationToken token) => _cancel(this, token);

    /// <summary>The image has run. The item belongs to its caller again at once.</summary>
    public void Succeed() => _end.SetResult(true);

    /// <summary>The image has not run, or failed. The item belongs to its caller again at once.</summary>
    public void Fail(Exception exception) => _end.SetException(exception);

    /// <summary>Lets go of the caller's buffers.</summary>
    public void Clear() => (Image, Wait) = (default, null);

    void IValueTaskSource.GetResult(short token) => _end.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _end.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _end.OnCompleted(continuation, state, token, flags);
}
