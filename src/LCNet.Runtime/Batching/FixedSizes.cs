namespace LCNet.Runtime.Batching;

/// <summary>The few sizes that a dimension of a dispatch is padded to, so that shapes recur and each can be warmed up. Immutable and thread-safe.</summary>
internal sealed class FixedSizes
{
    private readonly int[] _sizes;
    private readonly int[] _indexOf;

    private FixedSizes(IEnumerable<int> sizes)
    {
        _sizes = [.. sizes];
        _indexOf = new int[_sizes[^1] + 1];
        for (int value = 1; value <= _sizes[^1]; value++)
        {
            _indexOf[value] = Array.FindIndex(_sizes, size => size >= value);
        }
    }

    /// <summary>All sizes, ascending.</summary>
    public IReadOnlyList<int> All => _sizes;

    /// <summary>The largest size.</summary>
    public int Most => _sizes[^1];

    /// <summary>1, 2, 4 and so on, the last one at least <paramref name="most"/>.</summary>
    /// <param name="most">At least 1.</param>
    public static FixedSizes PowersOfTwo(int most)
    {
        var sizes = new List<int> { 1 };
        while (sizes[^1] < most)
        {
            sizes.Add(2 * sizes[^1]);
        }

        return new FixedSizes(sizes);
    }

    /// <summary>Equal steps up to <paramref name="most"/>: all sizes where there are no more than <paramref name="steps"/>.</summary>
    /// <param name="most">At least 1.</param>
    /// <param name="steps">At least 1.</param>
    public static FixedSizes Steps(int most, int steps)
    {
        int step = (most + steps - 1) / steps;
        var sizes = new List<int>();
        for (int size = step; size < most; size += step)
        {
            sizes.Add(size);
        }

        sizes.Add(most);
        return new FixedSizes(sizes);
    }

    /// <summary>The least size that is no smaller.</summary>
    /// <param name="value">1 to <see cref="Most"/>.</param>
    public int Up(int value) => _sizes[_indexOf[value]];

    /// <summary>The place in <see cref="All"/> of the least size that is no smaller.</summary>
    /// <param name="value">1 to <see cref="Most"/>.</param>
    public int IndexOf(int value) => _indexOf[value];
}
