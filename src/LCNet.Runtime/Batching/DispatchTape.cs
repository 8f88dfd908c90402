using System.Runtime.InteropServices;
using LCNet.Bundles;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Batching;

/// <summary>
/// The small inputs of the dispatches of one span, one after another: indices of rows and channels, scales and prices. A lane takes all of them to the device
/// at once, right after the gates were waited for, so that no dispatch waits for a copy. Not thread-safe.
/// </summary>
internal sealed class DispatchTape
{
    private const int FloatsOfIndex = sizeof(long) / sizeof(float);

    private readonly HostMemory<float> _memory;

    /// <summary>Makes a tape that is long enough for any span.</summary>
    /// <param name="rows">Numbers of rows that dispatches are padded to.</param>
    /// <param name="memory">Makes the memory that it lies in; not owned.</param>
    public DispatchTape(BundleManifest manifest, FixedSizes rows, IHostMemory memory)
    {
        // Of the images of a batch some share a block, some run only its shortcut and the others run alone, without padding.
        int most = rows.Most + (2 * rows.Step);
        int blocks = manifest.Spans.Max(span => span.Blocks);
        int channels = manifest.Spans.Max(manifest.ChannelsOf);
        int indices = (blocks * most) + (rows.Most * channels) + rows.Most;
        int values = (most * ((2 * channels) + (blocks * (FusedGraphs.BiasChannels + 1)))) + rows.Most;
        int gaps = FloatsOfIndex * blocks * (most + 2);
        _memory = new HostMemory<float>(memory, checked((indices * FloatsOfIndex) + values + gaps));
    }

    /// <summary>Where it lies.</summary>
    public nint Address => _memory.Address;

    /// <summary>How long it can be, in floats.</summary>
    public int Capacity => _memory.Span.Length;

    /// <summary>How long it is, in floats.</summary>
    public int Length { get; private set; }

    /// <summary>What is on it, an index in the place of two floats.</summary>
    public ReadOnlySpan<float> Content => _memory.Span[..Length];

    /// <summary>Empties the tape.</summary>
    public void Clear() => Length = 0;

    /// <summary>Takes the next indices.</summary>
    /// <param name="at">The place of the first of them, counted in floats; even.</param>
    public Span<long> AddIndices(int count, out int at)
    {
        Length += Length % FloatsOfIndex;
        at = Length;
        Length += FloatsOfIndex * count;
        return MemoryMarshal.Cast<float, long>(_memory.Span[at..Length]);
    }

    /// <summary>Takes the next values.</summary>
    /// <param name="at">The place of the first of them, counted in floats.</param>
    public Span<float> AddValues(int count, out int at)
    {
        at = Length;
        Length += count;
        return _memory.Span[at..Length];
    }
}
