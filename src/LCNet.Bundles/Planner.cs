namespace LCNet.Bundles;

/// <summary>
/// Turns what gates say into the plan of one image, and keeps it under a cap where there is one. It allocates nothing after it was made.
/// Not thread-safe.
/// </summary>
/// <remarks>
/// Under a cap a span may spend what is left once the cheapest rest of the network is set aside, so a plan never exceeds a cap that is at
/// least <see cref="FlopsModel.Minimum"/>. What does not fit is trimmed by salience, lowest first: a channel's salience is that of its layer times its own.
/// </remarks>
public sealed class Planner
{
    /// <summary>The cap that never binds.</summary>
    public const long NoCap = long.MaxValue;

    private readonly BundleManifest _manifest;
    private readonly FlopsModel _flops;
    private readonly float[] _priorities;
    private readonly int[] _order;
    private readonly float[] _trimmed;
    private readonly int[] _blockOf;
    private readonly int[] _left;

    /// <summary>Makes a planner for a network.</summary>
    public Planner(BundleManifest manifest, FlopsModel flops)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(flops);
        _manifest = manifest;
        _flops = flops;
        int most = manifest.Spans.Max(manifest.ChannelsOf);
        _priorities = new float[most];
        _order = new int[most];
        _trimmed = new float[most];
        _blockOf = new int[most];
        _left = new int[manifest.Spans.Max(span => span.Blocks)];
    }

    /// <summary>Begins the plan of an image.</summary>
    /// <param name="plan">Cleared.</param>
    public void Begin(ImagePlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.Clear();
        plan.Flops = _manifest.Stem.Flops;
    }

    /// <summary>Decides the blocks of one span. Spans are decided in order; the last one adds the head.</summary>
    /// <param name="plan">The plan so far; extended.</param>
    /// <param name="span">Index of the span.</param>
    /// <param name="layers">Salience of each block of the span, in [0, 1].</param>
    /// <param name="channels">Salience of each channel of each block of the span, block after block, in [0, 1].</param>
    /// <param name="cap">Most FLOPs that the whole plan may need, at least <see cref="FlopsModel.Minimum"/>; <see cref="NoCap"/> for none.</param>
    /// <exception cref="ArgumentException">The lengths do not fit the span, or the cap is below the minimum.</exception>
    public void Decide(ImagePlan plan, int span, ReadOnlySpan<float> layers, ReadOnlySpan<float> channels, long cap)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (cap < _flops.Minimum)
        {
            throw new ArgumentOutOfRangeException(nameof(cap), cap, $"The cheapest path takes {_flops.Minimum} FLOPs.");
        }

        SpanSpec spec = _manifest.Spans[span];
        long cost = SetBlocks(plan, spec, layers, channels);
        long room = cap - plan.Flops - spec.Flops - _flops.MinimumAfter(span);
        if (cost > room)
        {
            cost = Trim(plan, spec, layers, channels, room);
        }

        plan.Flops += spec.Flops + cost;
        if (span == _manifest.Spans.Count - 1)
        {
            plan.Flops += _manifest.Head.Flops;
        }
    }

    /// <summary>Makes the plan of the whole network: every block runs with every channel, unscaled, and no gate decides.</summary>
    /// <param name="plan">Replaced; its FLOPs are those of the static network.</param>
    public void Open(ImagePlan plan)
    {
        Begin(plan);
        for (int block = 0; block < _manifest.Blocks.Count; block++)
        {
            plan.Open(block);
            plan.Flops += _flops.Block(block, _manifest.Blocks[block].Channels);
        }

        plan.Flops += _manifest.Head.Flops;
    }

    private long SetBlocks(ImagePlan plan, SpanSpec spec, ReadOnlySpan<float> layers, ReadOnlySpan<float> channels)
    {
        if (layers.Length != spec.Blocks)
        {
            throw new ArgumentException($"{layers.Length} layer saliences for {spec.Blocks} blocks.", nameof(layers));
        }

        long cost = 0;
        int offset = 0;
        for (int i = 0; i < spec.Blocks; i++)
        {
            int block = spec.FirstBlock + i;
            int width = _manifest.Blocks[block].Channels;
            if (offset + width > channels.Length)
            {
                throw new ArgumentException($"{channels.Length} channel saliences are too few for the span.", nameof(channels));
            }

            plan.Set(block, layers[i], channels.Slice(offset, width));
            cost += _flops.Block(block, plan.KeptCount(block));
            offset += width;
        }

        return offset == channels.Length ? cost : throw new ArgumentException($"{channels.Length} channel saliences, the span has {offset}.", nameof(channels));
    }

    private long Trim(ImagePlan plan, SpanSpec spec, ReadOnlySpan<float> layers, ReadOnlySpan<float> channels, long room)
    {
        int count = 0;
        int offset = 0;
        long cost = 0;
        channels.CopyTo(_trimmed);
        for (int i = 0; i < spec.Blocks; i++)
        {
            int block = spec.FirstBlock + i;
            _left[i] = plan.KeptCount(block);
            cost += _flops.Block(block, _left[i]);
            foreach (long channel in plan.Kept(block))
            {
                int index = offset + (int)channel;
                _priorities[count] = layers[i] * channels[index];
                _order[count++] = index;
                _blockOf[index] = i;
            }

            offset += _manifest.Blocks[block].Channels;
        }

        Array.Sort(_priorities, _order, 0, count);
        for (int i = 0; i < count && cost > room; i++)
        {
            int local = _blockOf[_order[i]];
            int block = spec.FirstBlock + local;
            _trimmed[_order[i]] = 0;
            cost += _flops.Block(block, _left[local] - 1) - _flops.Block(block, _left[local]);
            _left[local]--;
        }

        return SetBlocks(plan, spec, layers, _trimmed.AsSpan(0, channels.Length));
    }
}
