using System.Threading.Channels;

namespace LCNet.Runtime;

/// <summary>A fixed set of things that one caller at a time may use. Callers that find none free wait in order, up to a limit. Thread-safe.</summary>
/// <typeparam name="T">What is shared.</typeparam>
public sealed class ResourcePool<T>
    where T : class
{
    private readonly Channel<T> _free = Channel.CreateUnbounded<T>();
    private readonly int _maxWaiting;
    private int _waiting;

    /// <summary>Makes a pool.</summary>
    /// <param name="items">All of what is shared.</param>
    /// <param name="maxWaiting">Callers that may wait, at least 0.</param>
    public ResourcePool(IEnumerable<T> items, int maxWaiting)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfNegative(maxWaiting);
        _maxWaiting = maxWaiting;
        foreach (T item in items)
        {
            Return(item);
        }
    }

    /// <summary>Callers that wait now, for a moment also one that is being refused.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Takes one, once it is free.</summary>
    /// <param name="admitted">Whether to wait however many wait already: for the rest of a piece of work that has begun.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <exception cref="QueueFullException">As many callers wait already as may.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before one was free.</exception>
    public async ValueTask<T> RentAsync(bool admitted, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (_free.Reader.TryRead(out T? item))
        {
            return item;
        }

        try
        {
            if (Interlocked.Increment(ref _waiting) > _maxWaiting && !admitted)
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

    /// <summary>Takes one, once it is free.</summary>
    /// <exception cref="QueueFullException">As many callers wait already as may.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before one was free.</exception>
    public ValueTask<T> RentAsync(CancellationToken cancellation) => RentAsync(admitted: false, cancellation);

    /// <summary>Gives one back.</summary>
    public void Return(T item) => _free.Writer.TryWrite(item);
}
