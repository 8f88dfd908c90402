using LCNet.Bundles;
using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>
/// A device that computes no numbers but keeps account of them: each row of its buffers says which image's activation it holds and what has become of it. Gates say what
/// the test told them to for the image that they read; the head answers with what the row says.
/// </summary>
internal sealed class SymbolicBatchLane(Bundle bundle, int maxRows) : IBatchLane
{
    private readonly BundleManifest _manifest = bundle.Manifest;
    private readonly Dictionary<MapShape, Row[]> _maps = BufferRows.Of(bundle.Manifest, maxRows).ToDictionary(map => map.Key, map => new Row[map.Value]);
    private readonly int[] _images = new int[maxRows];
    private long[] _indices = [];
    private float[] _values = [];

    /// <summary>Saliences by image and span. An image's name is its first value.</summary>
    public Dictionary<(int Image, int Span), (float[] Layers, float[] Channels)> Gates { get; } = [];

    public DispatchTape Tape { get; } = new(bundle.Manifest, maxRows);

    /// <summary>What was run, in order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>Of everything that was run, padding included.</summary>
    public long Flops { get; private set; }

    /// <summary>Dispatches of blocks and shortcuts.</summary>
    public List<BlockDispatch> Dispatches { get; } = [];

    /// <summary>Thrown by the next gate, where not null.</summary>
    public Exception? Failure { get; set; }

    /// <summary>What becomes of an activation when a block runs.</summary>
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

    public void Image(int row, ReadOnlySpan<float> image) => _images[row] = (int)image[0];

    public void Load() => (_indices, _values) = ([.. Tape.Indices[..Tape.IndexCount]], [.. Tape.Values[..Tape.ValueCount]]);

    public void Stem(int rows)
    {
        Count("stem", rows, _manifest.Stem.Flops);
        for (int row = 0; row < rows; row++)
        {
            _maps[_manifest.Stem.Output][row] = new Row(_images[row], 0);
        }
    }

    public void Gate(int span, in RowReading reading, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels)
    {
        Count($"gate {span}", reading.Rows, _manifest.Spans[span].Flops);
        if (Failure is not null)
        {
            throw Failure;
        }

        (float[] Layers, float[] Channels)[] saliences = [.. Read(_manifest.Blocks[_manifest.Spans[span].FirstBlock].Input, reading).Select(row => Gates[(row.Image, span)])];
        Assert.All(_values[reading.PricesAt..(reading.PricesAt + reading.Rows)], price => Assert.InRange(price, 0, float.MaxValue));
        layers = saliences.SelectMany(row => row.Layers).ToArray();
        channels = saliences.SelectMany(row => row.Channels).ToArray();
    }

    public void Run(in BlockDispatch dispatch, bool wait)
    {
        BlockDispatch run = dispatch;
        BlockSpec block = _manifest.Blocks[run.Block];
        Dispatches.Add(run);
        Count($"{(run.Channels > 0 ? "block" : "shortcut")} {run.Block}", run.Rows, bundle.Flops.Block(run.Block, run.Channels));
        Row[] rows = Read(block.Input, new RowReading(run.Rows, run.RowsAt, 0));
        for (int row = 0; row < run.Rows; row++)
        {
            int history = rows[row].History;
            if (run.Channels == 0)
            {
                history = After(history, run.Block);
            }
            else
            {
                int scalesAt = run.ScalesAt + (row * run.Channels);
                IEnumerable<(long, float)> kept = Enumerable.Range(0, run.Channels)
                    .Select(i => (_indices[run.KeepAt + i], _values[scalesAt + i]))
                    .Where(channel => channel.Item2 > 0);
                history = After(history, run.Block, [.. kept], _values[run.LayersAt + row]);
            }

            _maps[block.Output][run.Slot + row] = new Row(rows[row].Image, history);
        }
    }

    public void Head(in RowReading reading, out ReadOnlySpan<float> logits)
    {
        Count("head 0", reading.Rows, _manifest.Head.Flops);
        float[] said = new float[reading.Rows * _manifest.Labels.Count];
        foreach ((int i, Row row) in Read(_manifest.Blocks[^1].Output, reading).Index())
        {
            said[i * _manifest.Labels.Count] = row.Image;
            said[(i * _manifest.Labels.Count) + 1] = row.History;
        }

        logits = said;
    }

    public void Dispose()
    {
    }

    private Row[] Read(MapShape shape, RowReading reading) => [.. _indices[reading.RowsAt..(reading.RowsAt + reading.Rows)].Select(slot => _maps[shape][slot])];

    private void Count(string call, int rows, long flops)
    {
        Calls.Add(call);
        Flops += rows * flops;
    }

    private readonly record struct Row(int Image, int History);
}
