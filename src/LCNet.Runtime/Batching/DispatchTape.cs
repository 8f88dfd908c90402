using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>
/// The small inputs of the dispatches of one span, one after another: indices of rows and channels, scales and prices. A lane takes all of them to the device
/// at once, right after the gates were waited for, so that no dispatch waits for a copy. Its arrays do not move. Not thread-safe.
/// </summary>
internal sealed class DispatchTape
{
    private int _indexCount;
    private int _valueCount;

    /// <summary>Makes a tape that is long enough for any span.</summary>
    /// <param name="manifest">The network.</param>
    /// <param name="maxRows">Most rows of a dispatch, a power of two: padded, the rows of all dispatches of a block are fewer than twice as many.</param>
    public DispatchTape(BundleManifest manifest, int maxRows)
    {
        int rows = 2 * maxRows;
        int blocks = manifest.Spans.Max(span => span.Blocks);
        int channels = manifest.Spans.Max(manifest.ChannelsOf);
        Indices = GC.AllocateArray<long>((blocks * rows) + (maxRows * channels) + maxRows, pinned: true);
        Values = GC.AllocateArray<float>((blocks * rows) + (rows * channels) + maxRows, pinned: true);
    }

    /// <summary>Indices of rows and channels.</summary>
    public long[] Indices { get; }

    /// <summary>Scales and prices.</summary>
    public float[] Values { get; }

    /// <summary>How many of <see cref="Indices"/> are in use.</summary>
    public int IndexCount => _indexCount;

    /// <summary>How many of <see cref="Values"/> are in use.</summary>
    public int ValueCount => _valueCount;

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        _indexCount = 0;
        _valueCount = 0;
    }

    /// <summary>Takes the next indices.</summary>
    /// <param name="count">How many.</param>
    /// <param name="at">The place of the first of them.</param>
    public Span<long> AddIndices(int count, out int at)
    {
        at = _indexCount;
        _indexCount += count;
        return Indices.AsSpan(at, count);
    }

    /// <summary>Takes the next values.</summary>
    /// <param name="count">How many.</param>
    /// <param name="at">The place of the first of them.</param>
    public Span<float> AddValues(int count, out int at)
    {
        at = _valueCount;
        _valueCount += count;
        return Values.AsSpan(at, count);
    }
}
