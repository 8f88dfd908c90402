namespace LCNet.Bundles;

/// <summary>What a network and its parts cost in FLOPs, from its manifest. Immutable and thread-safe.</summary>
public sealed class FlopsModel
{
    private readonly BlockFlops[] _blocks;
    private readonly long[] _after;

    /// <summary>Adds up a manifest that has been verified.</summary>
    public FlopsModel(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        _blocks = [.. manifest.Blocks.Select(block => block.Flops)];
        Dense = manifest.Dense.Flops;
        Gates = manifest.Spans.Sum(span => span.Flops);
        _after = new long[manifest.Spans.Count];
        long rest = manifest.Head.Flops;
        for (int i = manifest.Spans.Count - 1; i >= 0; i--)
        {
            SpanSpec span = manifest.Spans[i];
            _after[i] = rest;
            rest += span.Flops + manifest.BlocksOf(span).Sum(block => block.Flops.Shortcut);
        }

        Minimum = manifest.Stem.Flops + rest;
    }

    /// <summary>The static network: every block, every channel, no gates.</summary>
    public long Dense { get; }

    /// <summary>All gates; every image pays for them.</summary>
    public long Gates { get; }

    /// <summary>The cheapest path: stem, gates, shortcuts and head, with every block skipped.</summary>
    public long Minimum { get; }

    /// <summary>A block with some channels kept; 0 channels is a skipped block.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such block.</exception>
    public long Block(int block, int channels) => _blocks[block].At(channels);

    /// <summary>The least that must still be paid once a span's blocks have run: later gates and shortcuts, and the head.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such span.</exception>
    public long MinimumAfter(int span) => _after[span];
}
