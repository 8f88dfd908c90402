namespace LCNet.Runtime.Batching;

/// <summary>
/// Images that wait for a batch, in order, and the decision when a batch is full enough: at its most images, once the FLOPs that they are expected to take
/// reach a budget, or once the oldest has waited long enough. It runs nothing and waits for nobody. Not thread-safe.
/// </summary>
/// <param name="maxImages">Most images of a batch, at least 1.</param>
/// <param name="maxDelay">How long an image waits for others at most, at least 0.</param>
/// <param name="flopsBudget">Expected FLOPs that a batch may take, above 0; an image that takes more has a batch of its own.</param>
internal sealed class BatchQueue(int maxImages, TimeSpan maxDelay, double flopsBudget, TimeProvider time)
{
    private readonly LinkedList<BatchItem> _waiting = new();

    /// <summary>Number of images that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>Adds an image behind the others.</summary>
    public void Add(BatchItem item) => _waiting.AddLast(item.Node);

    /// <summary>Takes an image out, if it still waits.</summary>
    /// <returns>Whether it did.</returns>
    public bool Remove(BatchItem item)
    {
        if (item.Node.List is null)
        {
            return false;
        }

        _waiting.Remove(item.Node);
        return true;
    }

    /// <summary>Takes the next batch, if it is time for it.</summary>
    /// <param name="batch">Cleared; takes the images, oldest first.</param>
    /// <param name="wait">How long to wait until it is time, should no other image come; infinite where none waits.</param>
    /// <returns>Whether a batch was taken.</returns>
    public bool TryTake(List<BatchItem> batch, out TimeSpan wait)
    {
        batch.Clear();
        wait = Timeout.InfiniteTimeSpan;
        if (_waiting.First is not { } oldest)
        {
            return false;
        }

        int count = CountNext(out bool isFull);
        TimeSpan waited = time.GetElapsedTime(oldest.Value.Queued);
        if (!isFull && waited < maxDelay)
        {
            wait = maxDelay - waited;
            return false;
        }

        for (int i = 0; i < count; i++)
        {
            batch.Add(_waiting.First!.Value);
            _waiting.RemoveFirst();
        }

        return true;
    }

    /// <summary>Takes every image.</summary>
    /// <param name="batch">Cleared; takes the images, oldest first.</param>
    public void TakeAll(List<BatchItem> batch)
    {
        batch.Clear();
        batch.AddRange(_waiting);
        _waiting.Clear();
    }

    // How many of the oldest fit together, and whether no other image may join them.
    private int CountNext(out bool isFull)
    {
        int count = 0;
        double flops = 0;
        for (LinkedListNode<BatchItem>? node = _waiting.First; node is not null; node = node.Next)
        {
            if (count > 0 && flops + node.Value.Estimate > flopsBudget)
            {
                isFull = true;
                return count;
            }

            flops += node.Value.Estimate;
            count++;
            if (count == maxImages || flops >= flopsBudget)
            {
                isFull = true;
                return count;
            }
        }

        isFull = false;
        return count;
    }
}
