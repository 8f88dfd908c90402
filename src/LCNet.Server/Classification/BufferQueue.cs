using System.Threading.Channels;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>
/// The buffers of one model. There are as many as images may be under way; the other calls wait for them in order, and hold nothing but
/// their request. Thread-safe.
/// </summary>
internal sealed class BufferQueue
{
    private readonly Channel<ClassifyBuffers> _free = Channel.CreateUnbounded<ClassifyBuffers>();
    private readonly int _maxWaiting;
    private int _waiting;

    /// <summary>Makes all buffers; nothing in them needs clearing, as everything is overwritten before it is read.</summary>
    /// <param name="engine">The model's.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="maxWaiting">Calls that may wait.</param>
    public BufferQueue(InferenceEngine engine, int count, int maxWaiting)
    {
        _maxWaiting = maxWaiting;
        for (int i = 0; i < count; i++)
        {
            Return(new ClassifyBuffers(engine));
        }
    }

    /// <summary>Takes buffers, once some are free.</summary>
    /// <exception cref="QueueFullException">Too many calls wait already.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before some were free.</exception>
    public async ValueTask<ClassifyBuffers> RentAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (_free.Reader.TryRead(out ClassifyBuffers? buffers))
        {
            return buffers;
        }

        try
        {
            if (Interlocked.Increment(ref _waiting) > _maxWaiting)
            {
                throw new QueueFullException(_maxWaiting);
            }

            return await _free.Reader.ReadAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>Gives buffers back.</summary>
    public void Return(ClassifyBuffers buffers) => _free.Writer.TryWrite(buffers);
}
