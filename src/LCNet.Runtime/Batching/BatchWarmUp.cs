using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Batching;

/// <summary>Runs every segment in every size that dispatches are padded to, so that none is new to the device when it serves.</summary>
internal static class BatchWarmUp
{
    /// <summary>Runs everything.</summary>
    /// <param name="sizes">Numbers of rows.</param>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public static void Run(Bundle bundle, IBatchLane lane, FixedSizes sizes)
    {
        BundleManifest manifest = bundle.Manifest;
        void Try(string file, Action run) => SegmentTrial.Run(bundle, file, () =>
        {
            run();
            lane.Wait();
        });

        // The largest first: memory that suffices for it suffices for the others.
        foreach (int rows in sizes.All.Reverse())
        {
            var together = new RowSource(rows, 0, 0);
            Try(manifest.Stem.File, () => lane.Stem(rows));
            foreach ((int i, SpanSpec span) in manifest.Spans.Index())
            {
                lane.Tape.Clear();
                lane.Tape.AddValues(rows, out int pricesAt).Clear();
                lane.Load();
                Try(span.File, () => lane.Gate(i, together, pricesAt, out _, out _));
            }

            foreach ((int i, BlockSpec block) in manifest.Blocks.Index())
            {
                BlockDispatch dispatch = Gathered(lane, i, block, rows);
                Try(block.File, () => lane.Run(dispatch));
                if (block.ShortcutFile is not null)
                {
                    Try(block.ShortcutFile, () => lane.Run(dispatch with { Form = BlockForm.Shortcut, Channels = 0 }));
                }
            }

            Try(manifest.Head.File, () => lane.Head(together, out _));
        }

        // All channels, all without the first and the last alone: a graph that gathers wrongly cannot run all three.
        foreach ((int i, BlockSpec block) in manifest.Blocks.Index())
        {
            foreach (int first in new[] { 0, Math.Min(1, block.Channels - 1), block.Channels - 1 })
            {
                BlockDispatch dispatch = Kept(lane, i, block, first);
                Try(block.File, () => lane.Run(dispatch));
            }
        }
    }

    // The whole block on the buffer's first row, as often as there are rows.
    private static BlockDispatch Gathered(IBatchLane lane, int index, BlockSpec block, int rows)
    {
        lane.Tape.Clear();
        lane.Tape.AddIndices(rows, out int indicesAt).Clear();
        lane.Tape.AddValues(rows * block.Channels, out int scalesAt).Clear();
        lane.Tape.AddValues(rows * (block.Channels + FusedGraphs.BiasChannels), out int lastAt).Clear();
        lane.Load();
        return new BlockDispatch(index, BlockForm.Whole, new RowSource(rows, -1, indicesAt), Behind(block, rows), block.Channels, 0, scalesAt, lastAt);
    }

    private static BlockDispatch Kept(IBatchLane lane, int index, BlockSpec block, int firstChannel)
    {
        int channels = block.Channels - firstChannel;
        lane.Tape.Clear();
        Span<long> keep = lane.Tape.AddIndices(channels, out int keepAt);
        for (int i = 0; i < channels; i++)
        {
            keep[i] = firstChannel + i;
        }

        lane.Tape.AddValues(channels, out int scalesAt).Fill(1);
        lane.Tape.AddValues(1, out int branchAt).Fill(1);
        lane.Load();
        return new BlockDispatch(index, BlockForm.Kept, new RowSource(1, 0, 0), Behind(block, 1), channels, keepAt, scalesAt, branchAt);
    }

    // The first place for an output behind as many rows of input.
    private static long Behind(BlockSpec block, int rows)
    {
        long size = block.Output.Length;
        return ((rows * block.Input.Length) + size - 1) / size * size;
    }
}
