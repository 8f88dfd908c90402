namespace LCNet.Runtime.Batching;

/// <summary>
/// Which rows of a device buffer hold activations that are still needed. A dispatch writes consecutive rows, so that nothing has to be scattered on
/// the device: where an image's activation lies is known to the host alone. Not thread-safe.
/// </summary>
/// <param name="capacity">Rows of the buffer.</param>
internal sealed class SlotPool(int capacity)
{
    private readonly bool[] _taken = new bool[capacity];

    /// <summary>Rows of the buffer.</summary>
    public int Capacity => capacity;

    /// <summary>Rows in use.</summary>
    public int Taken => _taken.Count(taken => taken);

    /// <summary>Takes consecutive rows from the smallest gap that is large enough, so that large gaps stay.</summary>
    /// <param name="count">At least 1.</param>
    /// <returns>The first row; -1 where no gap is large enough.</returns>
    public int Take(int count)
    {
        int best = -1;
        int bestLength = int.MaxValue;
        int start = 0;
        while (start < capacity)
        {
            int end = start;
            while (end < capacity && !_taken[end])
            {
                end++;
            }

            int length = end - start;
            if (length >= count && length < bestLength)
            {
                (best, bestLength) = (start, length);
            }

            start = end + 1;
        }

        if (best >= 0)
        {
            Array.Fill(_taken, true, best, count);
        }

        return best;
    }

    /// <summary>Frees rows.</summary>
    public void Free(int first, int count) => Array.Clear(_taken, first, count);

    /// <summary>Frees every row.</summary>
    public void Clear() => Array.Clear(_taken);
}
