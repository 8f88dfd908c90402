using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Batching;

/// <summary>Runs every segment in every fixed shape, so that none is new to the device when it serves, and measures what blocks take meanwhile.</summary>
internal static class BatchWarmUp
{
    // Sixteen sizes waste less, and take twice as long to warm up: for a bundle of 16 blocks and batches of 32 eight are 768 shapes.
    private const int ChannelSteps = 8;
    private const int Timings = 3;

    /// <summary>Numbers of rows for batches of up to <paramref name="maxImages"/>.</summary>
    public static FixedSizes Rows(int maxImages) => FixedSizes.PowersOfTwo(maxImages);

    /// <summary>Numbers of channels of each block.</summary>
    public static IReadOnlyList<FixedSizes> Channels(BundleManifest manifest) => [.. manifest.Blocks.Select(block => FixedSizes.Steps(block.Channels, ChannelSteps))];

    /// <summary>Runs everything.</summary>
    /// <returns>What the dispatches of blocks cost, in microseconds.</returns>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public static DispatchCosts Run(Bundle bundle, IBatchLane lane, int maxImages)
    {
        BundleManifest manifest = bundle.Manifest;
        FixedSizes sizes = Rows(maxImages);
        void Try(string file, Action run) => SegmentTrial.Run(bundle, file, run);

        foreach (int rows in sizes.All)
        {
            RowReading reading = Read(lane, rows);
            Try(manifest.Stem.File, () => lane.Stem(rows));
            foreach ((int i, SpanSpec span) in manifest.Spans.Index())
            {
                Try(span.File, () => lane.Gate(i, reading, out _, out _));
            }

            foreach ((int i, BlockSpec block) in manifest.Blocks.Index().Where(block => block.Item.ShortcutFile is not null))
            {
                Try(block.ShortcutFile!, () => lane.Run(new BlockDispatch(i, rows, 0, reading.RowsAt, 0, 0, 0, 0), wait: true));
            }

            Try(manifest.Head.File, () => lane.Head(reading, out _));
        }

        return new DispatchCosts(sizes, Channels(manifest), (block, rows, channels) =>
        {
            double microseconds = 0;
            Try(manifest.Blocks[block].File, () => microseconds = Measure(lane, block, rows, channels));
            return microseconds;
        });
    }

    // The least of several, as whatever disturbs a measurement adds to it. The first run, which may choose algorithms, does not count.
    private static double Measure(IBatchLane lane, int block, int rows, int channels)
    {
        RowReading reading = Read(lane, rows, channels, out BlockDispatch dispatch);
        dispatch = dispatch with { Block = block, RowsAt = reading.RowsAt };
        lane.Run(dispatch, wait: true);
        double least = double.MaxValue;
        for (int i = 0; i < Timings; i++)
        {
            long began = Stopwatch.GetTimestamp();
            lane.Run(dispatch, wait: true);
            least = Math.Min(least, Stopwatch.GetElapsedTime(began).TotalMicroseconds);
        }

        // A clock that does not tick during a dispatch says that it costs nothing; it costs a call.
        return Math.Max(least, 0.1);
    }

    private static RowReading Read(IBatchLane lane, int rows) => Read(lane, rows, 0, out _);

    private static RowReading Read(IBatchLane lane, int rows, int channels, out BlockDispatch dispatch)
    {
        DispatchTape tape = lane.Tape;
        tape.Clear();
        tape.AddIndices(rows, out int rowsAt).Clear();
        tape.AddValues(rows, out int pricesAt).Clear();
        Span<long> keep = tape.AddIndices(channels, out int keepAt);
        for (int i = 0; i < channels; i++)
        {
            keep[i] = i;
        }

        tape.AddValues(rows * channels, out int scalesAt).Fill(1);
        tape.AddValues(rows, out int layersAt).Fill(1);
        lane.Load();
        dispatch = new BlockDispatch(0, rows, channels, rowsAt, keepAt, scalesAt, layersAt, 0);
        return new RowReading(rows, rowsAt, pricesAt);
    }
}
