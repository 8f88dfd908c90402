using System.Numerics.Tensors;
using LCNet.Bundles;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Turns the plans of a batch into dispatches: which images share one, how it is padded, from which rows of the device's buffer it reads and to which it writes, and who
/// is billed what. It knows of no device. What a dispatch reads and writes is only right in the order in which they were scheduled. It allocates nothing
/// after it was made. Not thread-safe.
/// </summary>
/// <remarks>
/// The images that run a block share a dispatch of the whole block: the channels that they keep differ, and their union is soon every channel. An image whose cap does not allow that has a dispatch of its own with the
/// channels of its plan, which costs what the plan says, so there always is a way.
/// </remarks>
internal sealed class BatchScheduler
{
    private readonly BundleManifest _manifest;
    private readonly FlopsModel _flops;
    private readonly FixedSizes _rows;
    private readonly DispatchTape _tape;
    private readonly RowArena _arena;
    private readonly long[] _rest;
    private readonly ImagePlan[] _plans;
    private readonly float[] _prices;
    private readonly int[] _all;
    private readonly int[] _sharing;
    private readonly int[] _alone;
    private readonly int[] _skipping;
    private readonly int[] _places;
    private readonly long[] _planned;
    private readonly BlockDispatch[] _dispatches;
    private int _dispatchCount;
    private int _count;

    /// <summary>Makes a scheduler.</summary>
    /// <param name="rows">What numbers of rows are padded to.</param>
    /// <param name="tape">Takes the small inputs of dispatches.</param>
    public BatchScheduler(Bundle bundle, FixedSizes rows, int maxImages, DispatchTape tape)
    {
        _manifest = bundle.Manifest;
        _flops = bundle.Flops;
        _rows = rows;
        _tape = tape;
        _arena = new RowArena(RowArena.CapacityFor(rows.Most, LargestRow(_manifest)), maxImages);
        _rest = Rest(_manifest, _flops);
        _plans = new ImagePlan[maxImages];
        _prices = new float[maxImages];
        _all = [.. Enumerable.Range(0, maxImages)];
        _sharing = new int[maxImages];
        _alone = new int[maxImages];
        _skipping = new int[maxImages];
        _places = new int[maxImages];
        _planned = new long[maxImages];
        _dispatches = new BlockDispatch[maxImages * _manifest.Spans.Max(span => span.Blocks)];
        Bill = new FlopsBill(maxImages);
    }

    /// <summary>What each image is billed so far.</summary>
    public FlopsBill Bill { get; }

    private ReadOnlySpan<int> All => _all.AsSpan(0, _count);

    /// <summary>Values of the largest row of activations.</summary>
    public static long LargestRow(BundleManifest manifest) => manifest.Blocks.Select(block => block.Output).Append(manifest.Stem.Output).Max(shape => shape.Length);

    /// <summary>Begins a batch without images.</summary>
    public void Begin()
    {
        _count = 0;
        _arena.Clear();
    }

    /// <summary>Adds an image.</summary>
    /// <param name="plan">Begun; to be extended span by span before <see cref="Schedule"/>.</param>
    /// <param name="price">The price of compute of the image, at least 0.</param>
    /// <param name="cap">Most FLOPs; <see cref="Planner.NoCap"/> for none.</param>
    public void Add(ImagePlan plan, float price, long cap)
    {
        _plans[_count] = plan;
        _prices[_count] = price;
        Bill.Begin(_count, cap);
        Bill.Expect(_count++, plan.Flops + _rest[0]);
    }

    /// <summary>Schedules the stem for all images, which lie one after another from the buffer's begin on afterwards.</summary>
    /// <returns>Rows to run.</returns>
    public int Stem()
    {
        int rows = Charge(All, _manifest.Stem.Flops);
        long size = _manifest.Stem.Output.Length;
        for (int image = 0; image < _count; image++)
        {
            _arena.Move(image, image * size, size);
        }

        return rows;
    }

    /// <summary>Schedules the gates of a span for all images.</summary>
    /// <param name="pricesAt">Value: the price of compute of each row.</param>
    /// <returns>What they read: images in their order.</returns>
    public RowSource Gates(int span, out int pricesAt)
    {
        RowSource source = Read(_manifest.Spans[span].Flops, _manifest.Blocks[_manifest.Spans[span].FirstBlock].Input);
        Span<float> prices = _tape.AddValues(source.Rows, out pricesAt);
        prices.Clear();
        _prices.AsSpan(0, _count).CopyTo(prices);
        return source;
    }

    /// <summary>Schedules the head for all images.</summary>
    /// <returns>What it reads: images in their order.</returns>
    public RowSource Head() => Read(_manifest.Head.Flops, _manifest.Blocks[^1].Output);

    /// <summary>Schedules the blocks of a span that every plan has decided.</summary>
    /// <param name="span">Index of the span.</param>
    /// <returns>The dispatches in their order; until the next call.</returns>
    public ReadOnlySpan<BlockDispatch> Schedule(int span)
    {
        _dispatchCount = 0;
        for (int image = 0; image < _count; image++)
        {
            Bill.Expect(image, _plans[image].Flops + _rest[span + 1]);
        }

        SpanSpec spec = _manifest.Spans[span];
        for (int block = spec.FirstBlock; block < spec.FirstBlock + spec.Blocks; block++)
        {
            ScheduleBlock(block);
        }

        return _dispatches.AsSpan(0, _dispatchCount);
    }

    // By span, what the rest of the network costs at most before it is decided; the last one is nothing, as plans have the head by then.
    private static long[] Rest(BundleManifest manifest, FlopsModel flops)
    {
        long[] rest = new long[manifest.Spans.Count + 1];
        for (int i = manifest.Spans.Count - 1; i >= 0; i--)
        {
            SpanSpec span = manifest.Spans[i];
            rest[i] = rest[i + 1] + span.Flops + (i == manifest.Spans.Count - 1 ? manifest.Head.Flops : 0);
            for (int block = span.FirstBlock; block < span.FirstBlock + span.Blocks; block++)
            {
                rest[i] += flops.Block(block, manifest.Blocks[block].Channels);
            }
        }

        return rest;
    }

    private void ScheduleBlock(int block)
    {
        long whole = _flops.Block(block, _manifest.Blocks[block].Channels);
        (int sharing, int alone, int skipping) = (0, 0, 0);
        for (int image = 0; image < _count; image++)
        {
            if (!_plans[image].Runs(block))
            {
                _skipping[skipping++] = image;
            }
            else if (Bill.Slack(image) >= whole - Planned(block, image))
            {
                _sharing[sharing++] = image;
            }
            else
            {
                _alone[alone++] = image;
            }
        }

        if (sharing > 0)
        {
            ReadOnlySpan<int> images = _sharing.AsSpan(0, sharing);
            Place(block, BlockForm.Whole, images, RowsFor(block, BlockForm.Whole, images));
        }

        foreach (ref readonly int image in _alone.AsSpan(0, alone))
        {
            Place(block, BlockForm.Kept, new ReadOnlySpan<int>(in image), 1);
        }

        // A skipped identity block costs nothing: its image stays where it is, and its input is the output of a ReLU.
        if (skipping > 0 && _manifest.Blocks[block].ShortcutFile is not null)
        {
            ReadOnlySpan<int> images = _skipping.AsSpan(0, skipping);
            Place(block, BlockForm.Shortcut, images, RowsFor(block, BlockForm.Shortcut, images));
        }
    }

    // Finds rows for the output and writes the dispatch down; where there are none in a row it becomes two.
    private void Place(int block, BlockForm form, ReadOnlySpan<int> images, int rows)
    {
        BlockSpec spec = _manifest.Blocks[block];
        long size = spec.Output.Length;
        bool isApart = !LieTogether(images, rows, spec.Input.Length, out long first);

        // What lies apart is gathered elsewhere before the block runs, which may then write where it was.
        if (isApart)
        {
            _arena.Release(images);
        }

        long at = _arena.Find(rows, size);
        if (at < 0 && images.Length == 1)
        {
            rows = 1;
            at = _arena.Find(rows, size);
        }

        if (at < 0)
        {
            _arena.Hold(images);
            Split(block, form, images, rows);
            return;
        }

        Bill.Charge(images, rows, FlopsOf(block, form, images), PlannedOf(block, form, images));
        RowSource source = isApart ? Gathered(images, rows, spec.Input.Length) : Together(images, rows, spec.Input.Length, first);
        _dispatches[_dispatchCount++] = Write(block, form, images, source, at);
        foreach (int image in images)
        {
            _arena.Move(image, at + (_places[image] * size), size);
        }
    }

    // In two dispatches with no more rows together; those of the smallest size are not padded.
    private void Split(int block, BlockForm form, ReadOnlySpan<int> images, int rows)
    {
        if (images.Length == 1)
        {
            throw new InvalidOperationException("The buffer has no place for a single row.");
        }

        bool isPadded = rows > _rows.Step;
        int first = isPadded ? Math.Min(_rows.Up(rows / 2), images.Length - 1) : images.Length / 2;
        Place(block, form, images[..first], isPadded ? RowsFor(block, form, images[..first]) : first);
        Place(block, form, images[first..], isPadded ? RowsFor(block, form, images[first..]) : images.Length - first);
    }

    private BlockDispatch Write(int block, BlockForm form, ReadOnlySpan<int> images, in RowSource source, long at)
    {
        if (form == BlockForm.Shortcut)
        {
            return new BlockDispatch(block, form, source, at, 0, 0, 0, 0);
        }

        if (form == BlockForm.Kept)
        {
            ImagePlan plan = _plans[images[0]];
            ReadOnlySpan<long> kept = plan.Kept(block);
            kept.CopyTo(_tape.AddIndices(kept.Length, out int keepAt));
            plan.ChannelScales(block).CopyTo(_tape.AddValues(kept.Length, out int keptScalesAt));
            _tape.AddValues(1, out int layerAt)[0] = plan.LayerScale(block);
            return new BlockDispatch(block, form, source, at, kept.Length, keepAt, keptScalesAt, layerAt);
        }

        int channels = _manifest.Blocks[block].Channels;
        int scalesAt = 0;
        Span<float> scales = _manifest.Blocks[block].Kind == BlockSpec.Bottleneck ? _tape.AddValues(source.Rows * channels, out scalesAt) : [];
        int width = channels + FusedGraphs.BiasChannels;
        Span<float> last = _tape.AddValues(source.Rows * width, out int lastAt);
        if (images.Length < source.Rows)
        {
            scales.Clear();
            last.Clear();
        }

        foreach (int image in images)
        {
            WriteScales(_plans[image], block, scales.IsEmpty ? [] : scales.Slice(_places[image] * channels, channels), last.Slice(_places[image] * width, width));
        }

        return new BlockDispatch(block, form, source, at, channels, 0, scalesAt, lastAt);
    }

    private static void WriteScales(ImagePlan plan, int block, Span<float> scales, Span<float> last)
    {
        ReadOnlySpan<float> saliences = plan.Saliences(block);
        float branch = plan.LayerScale(block);
        saliences[..scales.Length].CopyTo(scales);
        TensorPrimitives.Multiply(saliences, branch, last);
        last[^FusedGraphs.BiasChannels..].Clear();
        last[^FusedGraphs.BiasChannels] = branch;
    }

    private RowSource Read(long flops, MapShape shape)
    {
        int rows = Charge(All, flops);
        long size = shape.Length;

        // Its rows are those of the images in their order.
        bool isInOrder = true;
        for (int image = 1; image < _count; image++)
        {
            isInOrder &= _arena.At(image) == _arena.At(image - 1) + size;
        }

        return isInOrder && _arena.Holds(_arena.At(0), rows, size) ? new RowSource(rows, _arena.At(0), 0) : Gathered(All, rows, size);
    }

    // Whether as many rows from the first of the images on have all of them: what lies between pads the dispatch.
    private bool LieTogether(ReadOnlySpan<int> images, int rows, long size, out long first)
    {
        first = long.MaxValue;
        long last = 0;
        foreach (int image in images)
        {
            first = Math.Min(first, _arena.At(image));
            last = Math.Max(last, _arena.At(image));
        }

        return last - first < rows * size && _arena.Holds(first, rows, size);
    }

    private RowSource Together(ReadOnlySpan<int> images, int rows, long size, long first)
    {
        foreach (int image in images)
        {
            _places[image] = (int)((_arena.At(image) - first) / size);
        }

        return new RowSource(rows, first, 0);
    }

    // Rows that pad a dispatch read what its first image reads, so that they hold ordinary numbers.
    private RowSource Gathered(ReadOnlySpan<int> images, int rows, long size)
    {
        Span<long> indices = _tape.AddIndices(rows, out int at);
        indices.Fill(_arena.At(images[0]) / size);
        for (int i = 0; i < images.Length; i++)
        {
            indices[i] = _arena.At(images[i]) / size;
            _places[images[i]] = i;
        }

        return new RowSource(rows, -1, at);
    }

    private int Charge(ReadOnlySpan<int> images, long flops)
    {
        int rows = RowsFor(images, flops, []);
        Bill.Charge(images, rows, flops, []);
        return rows;
    }

    private long Planned(int block, int image) => _flops.Block(block, _plans[image].KeptCount(block));

    // Of a row of a dispatch.
    private long FlopsOf(int block, BlockForm form, ReadOnlySpan<int> images) => form switch
    {
        BlockForm.Whole => _flops.Block(block, _manifest.Blocks[block].Channels),
        BlockForm.Kept => Planned(block, images[0]),
        _ => _flops.Block(block, 0),
    };

    // What the plans have for it; empty where that is what it costs.
    private ReadOnlySpan<long> PlannedOf(int block, BlockForm form, ReadOnlySpan<int> images)
    {
        if (form != BlockForm.Whole)
        {
            return [];
        }

        for (int i = 0; i < images.Length; i++)
        {
            _planned[i] = Planned(block, images[i]);
        }

        return _planned.AsSpan(0, images.Length);
    }

    private int RowsFor(int block, BlockForm form, ReadOnlySpan<int> images) => RowsFor(images, FlopsOf(block, form, images), PlannedOf(block, form, images));

    // Padded where nobody's cap forbids it.
    private int RowsFor(ReadOnlySpan<int> images, long flops, ReadOnlySpan<long> planned)
    {
        int rows = _rows.Up(images.Length);
        long slack = 0;
        for (int i = 0; i < images.Length; i++)
        {
            slack += Bill.Slack(images[i]) - (planned.IsEmpty ? 0 : flops - planned[i]);
        }

        return (rows - images.Length) * flops <= slack ? rows : images.Length;
    }
}
