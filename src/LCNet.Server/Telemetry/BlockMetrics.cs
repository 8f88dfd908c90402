using System.Globalization;

namespace LCNet.Server;

/// <summary>
/// What is counted of one residual block. An image adds to every block of its network, so these counters are plain numbers that are read when
/// somebody asks, not instruments that look up their tags each time. Thread-safe.
/// </summary>
internal sealed class BlockMetrics(KeyValuePair<string, object?> model, int block)
{
    private readonly KeyValuePair<string, object?>[] _tags = [model, new("block", block.ToString(CultureInfo.InvariantCulture))];
    private long _executions;
    private long _skips;
    private long _channels;

    /// <summary>The tags <c>model</c> and <c>block</c>.</summary>
    public ReadOnlySpan<KeyValuePair<string, object?>> Tags => _tags;

    /// <summary>Images that ran the block.</summary>
    public long Executions => Volatile.Read(ref _executions);

    /// <summary>Images that skipped the block.</summary>
    public long Skips => Volatile.Read(ref _skips);

    /// <summary>Channels that the block ran with, added up over images.</summary>
    public long Channels => Volatile.Read(ref _channels);

    /// <summary>Adds what one image made of the block.</summary>
    /// <param name="channels">That it ran with; 0 where it was skipped.</param>
    public void Add(long channels)
    {
        Interlocked.Increment(ref (channels > 0 ? ref _executions : ref _skips));
        Interlocked.Add(ref _channels, channels);
    }
}
