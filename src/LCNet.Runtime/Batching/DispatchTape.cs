using LCNet.Bundles;

namespace LCNet.Runtime.Batching;

/// <summary>
/// The small inputs of the dispatches of one span, one after another: indices of rows and channels, scales and prices. A lane takes all of them to the device
/// at once, right after the gates were waited for, so that no dispatch waits for a copy. Its arrays do not move. Not thread-safe.
/// </summary>
internal sealed class DispatchTape
{
    private int _indexCount;
    private int _valueCount;

    /// <summary>Makes a tape that is long enough for any span.</summary>
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

    /// <summary>Empties the tape.</summary>
    public void Clear()
    {
        _indexCount = 0;
        _valueCount = 0;
    }

    /// <summary>Takes the next indices.</summary>
    /// <param name="at">The place of the first of them.</param>
    public Span<long> AddIndices(int count, out int at)
    {
        at = _indexCount;
        _indexCount += count;
        return Indices.AsSpan(at, count);
    }

    /// <summary>Takes the next values.</summary>
    /// <param name="at">The place of the first of them.</param>
    public Span<float> AddValues(int count, out int at)
    {
        at = _valueCount;
        _valueCount += count;
        return Values.AsSpan(at, count);
    }
}

/// <summary>One dispatch of a block or of its shortcut alone. Where its inputs are on the <see cref="DispatchTape"/> is given as places there.</summary>
/// <param name="Block">Index of the block.</param>
/// <param name="Rows">Rows to compute, those that pad it included.</param>
/// <param name="Channels">Channels to compute; 0 for the shortcut alone.</param>
/// <param name="RowsAt">Index: the slot of each row in the buffer of the block's input.</param>
/// <param name="KeepAt">Index: the channels.</param>
/// <param name="ScalesAt">Value: the scale of each channel, row after row.</param>
/// <param name="LayersAt">Value: the scale of the branch of each row.</param>
/// <param name="Slot">The first slot of the buffer of the block's output that it writes; the others follow.</param>
internal readonly record struct BlockDispatch(int Block, int Rows, int Channels, int RowsAt, int KeepAt, int ScalesAt, int LayersAt, int Slot);

/// <summary>The rows that gates or the head read. Where they are on the <see cref="DispatchTape"/> is given as places there.</summary>
/// <param name="Rows">Rows to compute, those that pad it included.</param>
/// <param name="RowsAt">Index: the slot of each row.</param>
/// <param name="PricesAt">Value: the price of compute of each row.</param>
internal readonly record struct RowReading(int Rows, int RowsAt, int PricesAt);
