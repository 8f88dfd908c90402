using System.Runtime.InteropServices;
using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>
/// A device that computes no numbers but keeps account of them: for each place of its buffer that holds a row it says which image's activation that is and what has become of it. What is written over is gone. Gates say what
/// the test told them to for the image that they read; the head answers with what the row says.
/// </summary>
internal sealed class SymbolicBatchLane : IBatchLane
{
    private static readonly Row Garbage = new(-1, 0, 0);

    private readonly Bundle _bundle;
    private readonly BundleManifest _manifest;
    private readonly CpuBatchDevice _device = new();
    private readonly long _capacity;
    private readonly SortedDictionary<long, Row> _rows = [];
    private readonly int[] _images;
    private float[] _values = [];

    public SymbolicBatchLane(Bundle bundle, FixedSizes rows)
    {
        _bundle = bundle;
        _manifest = bundle.Manifest;
        _capacity = RowArena.CapacityFor(rows.Most, BatchScheduler.LargestRow(_manifest));
        _images = new int[rows.Most];
        Tape = new DispatchTape(_manifest, rows, _device);
    }

    /// <summary>Saliences by image and span. An image's name is its first value.</summary>
    public Dictionary<(int Image, int Span), (float[] Layers, float[] Channels)> Gates { get; } = [];

    public DispatchTape Tape { get; }

    /// <summary>What was run, in order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>Of everything that was run, padding included.</summary>
    public long Flops { get; private set; }

    /// <summary>Dispatches of blocks and shortcuts.</summary>
    public List<BlockDispatch> Dispatches { get; } = [];

    /// <summary>Thrown by the next gate, where not null.</summary>
    public Exception? Failure { get; set; }

    /// <summary>What becomes of an activation when a block runs.</summary>
    /// <param name="kept">Each channel with its scale times that of the branch.</param>
    public static int After(int history, int block, IEnumerable<(long Channel, float Scale)> kept, float layer)
    {
        var hash = default(HashCode);
        hash.Add(history);
        hash.Add(block);
        hash.Add(layer);
        foreach ((long channel, float scale) in kept)
        {
            hash.Add(channel);
            hash.Add(scale);
        }

        return hash.ToHashCode();
    }

    /// <summary>What becomes of an activation when only a block's shortcut runs.</summary>
    public static int After(int history, int block) => HashCode.Combine(history, block, "shortcut");

    /// <summary>Forgets what was counted.</summary>
    public void Forget() => Flops = 0;

    public void Load() => _values = Tape.Content.ToArray();

    public void LoadImages(ReadOnlySpan<BatchImage> images)
    {
        for (int i = 0; i < images.Length; i++)
        {
            _images[i] = (int)images[i].Pixels.Span[0];
        }
    }

    public void Stem(int rows)
    {
        Count("stem", rows, _manifest.Stem.Flops);
        long size = _manifest.Stem.Output.Length;
        for (int row = 0; row < rows; row++)
        {
            Write(row * size, new Row(_images[row], 0, size));
        }
    }

    public void Gate(int span, in RowSource source, int pricesAt, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels)
    {
        Count($"gate {span}", source.Rows, _manifest.Spans[span].Flops);
        if (Failure is not null)
        {
            throw Failure;
        }

        SpanSpec spec = _manifest.Spans[span];

        // A row that pads the batch may be anybody's.
        (float[] Layers, float[] Channels)[] saliences =
        [
            .. Read(_manifest.Blocks[spec.FirstBlock].Input, source)
                .Select(row => Gates.TryGetValue((row.Image, span), out (float[], float[]) said) ? said : (new float[spec.Blocks], new float[_manifest.ChannelsOf(spec)])),
        ];
        Assert.All(_values[pricesAt..(pricesAt + source.Rows)], price => Assert.InRange(price, 0, float.MaxValue));
        layers = saliences.SelectMany(row => row.Layers).ToArray();
        channels = saliences.SelectMany(row => row.Channels).ToArray();
    }

    public void Run(in BlockDispatch dispatch)
    {
        BlockDispatch run = dispatch;
        BlockSpec block = _manifest.Blocks[run.Block];
        Dispatches.Add(run);
        Count($"{(run.Channels > 0 ? "block" : "shortcut")} {run.Block}", run.Source.Rows, _bundle.Flops.Block(run.Block, run.Channels));
        Row[] rows = Read(block.Input, run.Source);
        for (int row = 0; row < rows.Length; row++)
        {
            int history = run.Form == BlockForm.Shortcut ? After(rows[row].History, run.Block) : AfterBlock(run, block, row, rows[row].History);
            Write(run.At + (row * block.Output.Length), new Row(rows[row].Image, history, block.Output.Length));
        }
    }

    public void Head(in RowSource source, out ReadOnlySpan<float> logits)
    {
        Count("head 0", source.Rows, _manifest.Head.Flops);
        float[] said = new float[source.Rows * _manifest.Labels.Count];
        foreach ((int i, Row row) in Read(_manifest.Blocks[^1].Output, source).Index())
        {
            said[i * _manifest.Labels.Count] = row.Image;
            said[(i * _manifest.Labels.Count) + 1] = row.History;
        }

        logits = said;
    }

    public void Wait()
    {
    }

    public void Dispose() => _device.Dispose();

    // The scales of a row that pads a dispatch are 0.
    private int AfterBlock(in BlockDispatch run, BlockSpec block, int row, int history)
    {
        if (run.Form == BlockForm.Kept)
        {
            BlockDispatch kept = run;
            float scale = _values[kept.LastAt + row];
            return After(history, run.Block, Indices(kept.KeepAt, run.Channels).Index().Select(channel => (channel.Item, _values[kept.ScalesAt + (row * kept.Channels) + channel.Index] * scale)), scale);
        }

        int width = block.Channels + FusedGraphs.BiasChannels;
        float[] last = _values[(run.LastAt + (row * width))..(run.LastAt + ((row + 1) * width))];
        float branch = last[block.Channels];
        Assert.All(last[(block.Channels + 1)..], value => Assert.Equal(0, value));
        if (block.Kind == BlockSpec.Bottleneck)
        {
            float[] scales = _values[(run.ScalesAt + (row * block.Channels))..(run.ScalesAt + ((row + 1) * block.Channels))];
            Assert.Equal(scales.Select(scale => scale * branch), last[..block.Channels]);
        }

        return After(history, run.Block, last[..block.Channels].Index().Where(scale => scale.Item != 0).Select(scale => ((long)scale.Index, scale.Item)), branch);
    }

    private Row[] Read(MapShape shape, RowSource source)
    {
        long size = shape.Length;
        if (source.At >= 0)
        {
            Assert.InRange(source.At + (source.Rows * size), size, _capacity);
            return [.. Enumerable.Range(0, source.Rows).Select(row => At(source.At + (row * size), size))];
        }

        return [.. Indices(source.IndicesAt, source.Rows).Select(index => At(index * size, size))];
    }

    private long[] Indices(int at, int count) => MemoryMarshal.Cast<float, long>(_values.AsSpan(at, 2 * count)).ToArray();

    private Row At(long at, long size) => _rows.TryGetValue(at, out Row row) && row.Size == size ? row : Garbage;

    private void Write(long at, Row row)
    {
        Assert.InRange(at + row.Size, row.Size, _capacity);
        foreach (long other in _rows.Keys.Where(other => other < at + row.Size && other + _rows[other].Size > at).ToArray())
        {
            _rows.Remove(other);
        }

        _rows[at] = row;
    }

    private void Count(string call, int rows, long flops)
    {
        Calls.Add(call);
        Flops += rows * flops;
    }

    private readonly record struct Row(int Image, int History, long Size);
}
