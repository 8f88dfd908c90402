using LCNet.Bundles;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Turns the plans of a batch into dispatches: which images share one, how it is padded, from which rows of the device's buffers it reads and to which it writes, and who
/// is billed what. It knows of no device. What a dispatch reads and writes is only right in the order in which they were scheduled. It allocates nothing
/// after it was made. Not thread-safe.
/// </summary>
internal sealed class BatchScheduler
{
    private readonly BundleManifest _manifest;
    private readonly FlopsModel _flops;
    private readonly DispatchCosts _costs;
    private readonly DispatchTape _tape;
    private readonly BlockGrouper _grouper;
    private readonly Dictionary<MapShape, SlotPool> _pools;
    private readonly SlotPool[] _inputs;
    private readonly SlotPool[] _outputs;
    private readonly long[] _rest;
    private readonly ImagePlan[] _plans;
    private readonly float[] _prices;
    private readonly int[] _slots;
    private readonly int[] _all;
    private readonly int[] _running;
    private readonly int[] _skipping;
    private readonly long[] _planned;
    private readonly BlockDispatch[] _dispatches;
    private int _dispatchCount;
    private int _count;

    /// <summary>Makes a scheduler.</summary>
    /// <param name="tape">Takes the small inputs of dispatches.</param>
    public BatchScheduler(Bundle bundle, DispatchCosts costs, int maxImages, DispatchTape tape)
    {
        _manifest = bundle.Manifest;
        _flops = bundle.Flops;
        _costs = costs;
        _tape = tape;
        _grouper = new BlockGrouper(bundle, costs, maxImages);
        _pools = BufferRows.Of(_manifest, costs.Rows.Most).ToDictionary(shape => shape.Key, shape => new SlotPool(shape.Value));
        _inputs = [.. _manifest.Blocks.Select(block => _pools[block.Input])];
        _outputs = [.. _manifest.Blocks.Select(block => _pools[block.Output])];
        _rest = Rest(_manifest, _flops);
        _plans = new ImagePlan[maxImages];
        _prices = new float[maxImages];
        _slots = new int[maxImages];
        _all = [.. Enumerable.Range(0, maxImages)];
        _running = new int[maxImages];
        _skipping = new int[maxImages];
        _planned = new long[maxImages];
        _dispatches = new BlockDispatch[maxImages * _manifest.Spans.Max(span => span.Blocks)];
        Bill = new FlopsBill(maxImages);
    }

    /// <summary>What each image is billed so far.</summary>
    public FlopsBill Bill { get; }

    private ReadOnlySpan<int> All => _all.AsSpan(0, _count);

    /// <summary>Begins a batch without images.</summary>
    public void Begin()
    {
        _count = 0;
        foreach (SlotPool pool in _pools.Values)
        {
            pool.Clear();
        }
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

    /// <summary>Schedules the stem for all images: they lie in the first slots afterwards.</summary>
    /// <returns>Rows to run.</returns>
    public int Stem()
    {
        int rows = Charge(All, _manifest.Stem.Flops);
        SlotPool pool = _pools[_manifest.Stem.Output];
        int first = pool.Take(rows);
        for (int image = 0; image < _count; image++)
        {
            _slots[image] = first + image;
        }

        pool.Free(first + _count, rows - _count);
        return rows;
    }

    /// <summary>Schedules gates or the head for all images.</summary>
    public RowReading Read(long flops)
    {
        int rows = Charge(All, flops);
        WriteSlots(All, rows, out int rowsAt);
        Span<float> prices = _tape.AddValues(rows, out int pricesAt);
        prices.Clear();
        for (int image = 0; image < _count; image++)
        {
            prices[image] = _prices[image];
        }

        return new RowReading(rows, rowsAt, pricesAt);
    }

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
        int running = 0;
        int skipping = 0;
        for (int image = 0; image < _count; image++)
        {
            if (_plans[image].Runs(block))
            {
                _running[running++] = image;
            }
            else
            {
                _skipping[skipping++] = image;
            }
        }

        if (running > 0)
        {
            _grouper.Group(block, _running.AsSpan(0, running), _plans, Bill);
            foreach (BlockGroup group in _grouper.Groups)
            {
                Place(block, _grouper.Images(group), group.Rows, group.Channels);
            }
        }

        // A skipped identity block costs nothing: its image stays where it is, and its input is the output of a ReLU.
        if (skipping > 0 && _manifest.Blocks[block].ShortcutFile is not null)
        {
            ReadOnlySpan<int> images = _skipping.AsSpan(0, skipping);
            Place(block, images, RowsFor(block, images, 0), 0);
        }
    }

    // Finds rows for the output and writes the dispatch down; where there are none in a row it becomes two.
    private void Place(int block, ReadOnlySpan<int> images, int rows, int channels)
    {
        int slot = _outputs[block].Take(rows);
        if (slot < 0)
        {
            // The largest power of two that is smaller, so that both together have no more rows than the one. A single row always has a place.
            int half = images.Length > 1 ? _costs.Rows.Up(images.Length) / 2 : throw new InvalidOperationException("The buffer has fewer rows than images.");
            Place(block, images[..half], half, channels);
            Place(block, images[half..], RowsFor(block, images[half..], channels), channels);
            return;
        }

        Bill.Charge(images, rows, _flops.Block(block, channels), PlannedOf(block, images));
        _dispatches[_dispatchCount++] = Write(block, images, rows, channels, slot);
        for (int i = 0; i < images.Length; i++)
        {
            _inputs[block].Free(_slots[images[i]], 1);
            _slots[images[i]] = slot + i;
        }

        _outputs[block].Free(slot + images.Length, rows - images.Length);
    }

    private BlockDispatch Write(int block, ReadOnlySpan<int> images, int rows, int channels, int slot)
    {
        WriteSlots(images, rows, out int rowsAt);
        if (channels == 0)
        {
            return new BlockDispatch(block, rows, 0, rowsAt, 0, 0, 0, slot);
        }

        Span<long> keep = _tape.AddIndices(channels, out int keepAt);
        Span<float> scales = _tape.AddValues(rows * channels, out int scalesAt);
        _grouper.Write(block, images, _plans, keep, scales);
        Span<float> layers = _tape.AddValues(rows, out int layersAt);
        layers.Clear();
        for (int i = 0; i < images.Length; i++)
        {
            layers[i] = _plans[images[i]].LayerScale(block);
        }

        return new BlockDispatch(block, rows, channels, rowsAt, keepAt, scalesAt, layersAt, slot);
    }

    // Rows that pad a dispatch read what its first image reads, so that they hold ordinary numbers.
    private void WriteSlots(ReadOnlySpan<int> images, int rows, out int at)
    {
        Span<long> slots = _tape.AddIndices(rows, out at);
        slots.Fill(_slots[images[0]]);
        for (int i = 0; i < images.Length; i++)
        {
            slots[i] = _slots[images[i]];
        }
    }

    private int Charge(ReadOnlySpan<int> images, long flops)
    {
        int rows = RowsFor(images, flops, []);
        Bill.Charge(images, rows, flops, []);
        return rows;
    }

    private ReadOnlySpan<long> PlannedOf(int block, ReadOnlySpan<int> images)
    {
        for (int i = 0; i < images.Length; i++)
        {
            _planned[i] = _flops.Block(block, _plans[images[i]].Kept(block).Length);
        }

        return _planned.AsSpan(0, images.Length);
    }

    private int RowsFor(int block, ReadOnlySpan<int> images, int channels) =>
        RowsFor(images, _flops.Block(block, channels), PlannedOf(block, images));

    // Padded where nobody's cap forbids it.
    private int RowsFor(ReadOnlySpan<int> images, long flops, ReadOnlySpan<long> planned)
    {
        int rows = _costs.Rows.Up(images.Length);
        long slack = 0;
        for (int i = 0; i < images.Length; i++)
        {
            slack += Bill.Slack(images[i]) - (planned.IsEmpty ? 0 : flops - planned[i]);
        }

        return (rows - images.Length) * flops <= slack ? rows : images.Length;
    }
}
