namespace LCNet.Bundles.Tests;

/// <summary>What the gates of one network say of one image, and the share of the way from the cheapest to the dearest plan where its cap lies.</summary>
internal sealed record PlanCase(BundleManifest Manifest, float[] Layers, float[] Channels, double CapShare)
{
    // Exact zeros, a coarse grid that makes ties, and anything.
    private static readonly Gen<float> Salience = Gen.Frequency(
        (4, Gen.Const(0f)),
        (2, Gen.Int[1, 4].Select(quarters => quarters / 4f)),
        (4, Gen.Float[0.001f, 1f]));

    public static Gen<PlanCase> Any { get; } =
        SyntheticNetwork.Any.SelectMany(manifest => For(manifest));

    /// <summary>The cheapest plan: nothing but the stem, the gates, the shortcuts and the head.</summary>
    public long Cheapest => BruteForce.Total(Manifest, new int[Manifest.Blocks.Count]);

    /// <summary>A cap that is at least the minimum and binds more often than not.</summary>
    public long Cap
    {
        get
        {
            long dearest = BruteForce.Total(Manifest, [.. Manifest.Blocks.Select(block => block.Channels)]);
            return Cheapest + (long)(CapShare * (dearest - Cheapest));
        }
    }

    public static Gen<PlanCase> For(BundleManifest manifest)
    {
        int channels = manifest.Blocks.Sum(block => block.Channels);
        return Gen.Select(Salience.Array[manifest.Blocks.Count], Salience.Array[channels], Gen.Double[0, 1], (layers, all, share) =>
            new PlanCase(manifest, layers, all, share));
    }

    /// <summary>Layer salience × channel salience, by block and channel.</summary>
    public float Priority(int block, int channel) => Layers[block] * ChannelsOf(block)[channel];

    public ReadOnlySpan<float> ChannelsOf(int block) =>
        Channels.AsSpan(Manifest.Blocks.Take(block).Sum(earlier => earlier.Channels), Manifest.Blocks[block].Channels);

    /// <summary>The channels that the gates keep where no cap binds.</summary>
    public List<long> Wanted(int block)
    {
        var wanted = new List<long>();
        for (int channel = 0; channel < Manifest.Blocks[block].Channels; channel++)
        {
            if (Layers[block] != 0 && ChannelsOf(block)[channel] != 0)
            {
                wanted.Add(channel);
            }
        }

        return wanted;
    }

    /// <summary>Has the planner decide every span.</summary>
    public ImagePlan Run(Planner planner, ImagePlan plan, long cap)
    {
        planner.Begin(plan);
        for (int span = 0; span < Manifest.Spans.Count; span++)
        {
            SpanSpec spec = Manifest.Spans[span];
            int first = 0;
            int count = 0;
            for (int block = 0; block < spec.FirstBlock + spec.Blocks; block++)
            {
                int channels = Manifest.Blocks[block].Channels;
                first += block < spec.FirstBlock ? channels : 0;
                count += block < spec.FirstBlock ? 0 : channels;
            }

            planner.Decide(plan, span, Layers.AsSpan(spec.FirstBlock, spec.Blocks), Channels.AsSpan(first, count), cap);
        }

        return plan;
    }

    public ImagePlan Run(long cap) => Run(new Planner(Manifest, new FlopsModel(Manifest)), new ImagePlan(Manifest), cap);
}
