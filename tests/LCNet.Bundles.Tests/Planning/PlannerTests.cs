namespace LCNet.Bundles.Tests;

public class PlannerTests
{
    [Fact]
    public void Decide_NoCap_KeepsWhatTheGatesKeepAtTheirScales() => PlanCase.Any.Sample(image =>
    {
        ImagePlan plan = image.Run(Planner.NoCap);

        for (int block = 0; block < image.Manifest.Blocks.Count; block++)
        {
            List<long> wanted = image.Wanted(block);
            Assert.Equal(wanted, plan.Kept(block).ToArray());
            Assert.Equal(wanted.Count > 0, plan.Runs(block));
            AssertScales(image, plan, block);
        }
    });

    [Fact]
    public void Decide_NoCap_CountsEveryConvolution() => PlanCase.Any.Sample(image =>
        Assert.Equal(BruteForce.Total(image.Manifest, Counts(image, image.Run(Planner.NoCap))), image.Run(Planner.NoCap).Flops));

    [Fact]
    public void Decide_Cap_IsNeverExceededAndCountsEveryConvolution() => PlanCase.Any.Sample(
        image =>
        {
            ImagePlan plan = image.Run(image.Cap);

            Assert.True(plan.Flops <= image.Cap);
            Assert.Equal(BruteForce.Total(image.Manifest, Counts(image, plan)), plan.Flops);
        },
        iter: 1000);

    [Fact]
    public void Decide_Cap_KeepsPartOfWhatTheGatesKeepAtTheSameScales() => PlanCase.Any.Sample(image =>
    {
        ImagePlan plan = image.Run(image.Cap);

        for (int block = 0; block < image.Manifest.Blocks.Count; block++)
        {
            Assert.Subset(image.Wanted(block).ToHashSet(), plan.Kept(block).ToArray().ToHashSet());
            AssertScales(image, plan, block);
        }
    });

    [Fact]
    public void Decide_Cap_TrimsTheLeastSalientAndNoMoreThanNeeded() => PlanCase.Any.Sample(
        image =>
        {
            ImagePlan plan = image.Run(image.Cap);
            BundleManifest manifest = image.Manifest;
            long before = manifest.Stem.Flops;
            foreach (SpanSpec span in manifest.Spans)
            {
                int[] blocks = [.. Enumerable.Range(span.FirstBlock, span.Blocks)];
                var trimmed = blocks.SelectMany(block => image.Wanted(block).Except(plan.Kept(block).ToArray()).Select(channel => (block, channel))).ToList();
                before += span.Flops + blocks.Sum(block => BruteForce.Block(manifest.Blocks[block], plan.Kept(block).Length));
                if (trimmed.Count == 0)
                {
                    continue;
                }

                float highest = trimmed.Max(channel => image.Priority(channel.block, (int)channel.channel));
                Assert.All(blocks, block => Assert.All(plan.Kept(block).ToArray(), channel => Assert.True(image.Priority(block, (int)channel) >= highest)));

                // Several may share the highest salience; one of them went last, and with it back the cheapest rest no longer fits.
                long rest = RestAfter(manifest, span);
                Assert.Contains(
                    trimmed.Where(channel => image.Priority(channel.block, (int)channel.channel) == highest),
                    channel => before + Returned(manifest, plan, channel.block) + rest > image.Cap);
            }
        },
        iter: 1000);

    [Fact]
    public void Decide_CapThatJustFits_TrimsNothing() => PlanCase.Any.Sample(image =>
    {
        ImagePlan free = image.Run(Planner.NoCap);
        ImagePlan capped = image.Run(free.Flops);

        Assert.Equal(free.Flops, capped.Flops);
        Assert.Equal(Counts(image, free), Counts(image, capped));
    });

    [Fact]
    public void Decide_CapThatATrimmedPlanJustFits_GivesThatPlan() => PlanCase.Any.Sample(image =>
    {
        ImagePlan trimmed = image.Run(image.Cap);
        ImagePlan again = image.Run(trimmed.Flops);

        Assert.Equal(trimmed.Flops, again.Flops);
        Assert.Equal(Counts(image, trimmed), Counts(image, again));
    });

    [Fact]
    public void Decide_CapOneBelow_TrimsSomething() => PlanCase.Any
        .Where(image => image.Run(Planner.NoCap).Flops > image.Cheapest)
        .Sample(image => Assert.True(image.Run(image.Run(Planner.NoCap).Flops - 1).Flops < image.Run(Planner.NoCap).Flops));

    [Fact]
    public void Decide_CapAtTheMinimum_SkipsEveryBlock() => PlanCase.Any.Sample(image =>
    {
        ImagePlan plan = image.Run(image.Cheapest);

        Assert.Equal(image.Cheapest, plan.Flops);
        Assert.All(Enumerable.Range(0, plan.Blocks), block => Assert.False(plan.Runs(block)));
    });

    [Fact]
    public void Decide_PlanAndPlannerReused_GiveWhatFreshOnesGive() =>
        SyntheticNetwork.Any.SelectMany(manifest => PlanCase.For(manifest).Array[2, 6]).Sample(images =>
        {
            BundleManifest manifest = images[0].Manifest;
            var planner = new Planner(manifest, new FlopsModel(manifest));
            var plan = new ImagePlan(manifest);
            for (int i = 0; i < images.Length; i++)
            {
                long cap = i % 2 == 0 ? images[i].Cap : Planner.NoCap;
                images[i].Run(planner, plan, cap);
                ImagePlan fresh = images[i].Run(cap);

                Assert.Equal(fresh.Flops, plan.Flops);
                for (int block = 0; block < plan.Blocks; block++)
                {
                    Assert.Equal(fresh.Kept(block).ToArray(), plan.Kept(block).ToArray());
                    Assert.Equal(fresh.ChannelScales(block).ToArray(), plan.ChannelScales(block).ToArray());
                    Assert.Equal(fresh.LayerScale(block), plan.LayerScale(block));
                }
            }
        });

    [Fact]
    public void Decide_AfterEverySpan_LeavesRoomForTheCheapestRest() => PlanCase.Any.Sample(image =>
    {
        BundleManifest manifest = image.Manifest;
        var planner = new Planner(manifest, new FlopsModel(manifest));
        var plan = new ImagePlan(manifest);
        planner.Begin(plan);
        Assert.Equal(manifest.Stem.Flops, plan.Flops);
        int channel = 0;
        foreach ((int index, SpanSpec span) in manifest.Spans.Index())
        {
            int count = manifest.Blocks.Skip(span.FirstBlock).Take(span.Blocks).Sum(block => block.Channels);
            planner.Decide(plan, index, image.Layers.AsSpan(span.FirstBlock, span.Blocks), image.Channels.AsSpan(channel, count), image.Cap);
            channel += count;

            // The head is in the plan once the last span is decided.
            bool last = index == manifest.Spans.Count - 1;
            Assert.True(plan.Flops + (last ? 0 : RestAfter(manifest, span)) <= image.Cap);
        }
    });

    private static void AssertScales(PlanCase image, ImagePlan plan, int block)
    {
        long[] kept = plan.Kept(block).ToArray();
        Assert.Equal(kept.Length > 0 ? image.Layers[block] : 0, plan.LayerScale(block));
        Assert.Equal(kept.Select(channel => image.ChannelsOf(block)[(int)channel]), plan.ChannelScales(block).ToArray());
    }

    private static int[] Counts(PlanCase image, ImagePlan plan) =>
        [.. Enumerable.Range(0, image.Manifest.Blocks.Count).Select(block => plan.Kept(block).Length)];

    private static long Returned(BundleManifest manifest, ImagePlan plan, int block)
    {
        int kept = plan.Kept(block).Length;
        return BruteForce.Block(manifest.Blocks[block], kept + 1) - BruteForce.Block(manifest.Blocks[block], kept);
    }

    private static long RestAfter(BundleManifest manifest, SpanSpec span) =>
        manifest.Head.Flops
        + manifest.Spans.Where(later => later.FirstBlock > span.FirstBlock).Sum(later => later.Flops)
        + manifest.Blocks.Skip(span.FirstBlock + span.Blocks).Sum(BruteForce.Shortcut);
}
