using LCNet.Bundles;

namespace LCNet.Runtime.Batching;

/// <summary>How many rows the device's buffers have.</summary>
internal static class BufferRows
{
    /// <summary>Rows of the buffer of each shape of activation.</summary>
    /// <param name="maxRows">Most rows of a dispatch, a power of two.</param>
    /// <remarks>
    /// A dispatch finds consecutive rows or is split, so the figure decides about time, not about whether it works: that takes one row more than a batch
    /// has images. The dispatches that write a block's output write fewer than twice <paramref name="maxRows"/> rows, padding included; with four times as
    /// many, what images that skipped a block have left scattered seldom splits a group.
    /// </remarks>
    public static IReadOnlyDictionary<MapShape, int> Of(BundleManifest manifest, int maxRows)
    {
        var writers = new Dictionary<MapShape, int> { [manifest.Stem.Output] = 1 };
        foreach (BlockSpec block in manifest.Blocks)
        {
            writers[block.Output] = writers.GetValueOrDefault(block.Output) + 1;
        }

        return writers.ToDictionary(shape => shape.Key, shape => Math.Min(4, 2 * shape.Value) * maxRows);
    }
}
