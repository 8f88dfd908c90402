namespace LCNet.Bundles.Tests;

public class FlopsModelTests
{
    [Fact]
    public void Minimum_AnyNetwork_IsAPlanWithEverySalienceZero() => SyntheticNetwork.Any.Sample(manifest =>
        Assert.Equal(Uniform(manifest, 0).Run(Planner.NoCap).Flops, new FlopsModel(manifest).Minimum));

    [Fact]
    public void DenseAndGates_AnyNetwork_AreAPlanWithEverySalienceOne() => SyntheticNetwork.Any.Sample(manifest =>
    {
        var flops = new FlopsModel(manifest);
        Assert.Equal(Uniform(manifest, 1).Run(Planner.NoCap).Flops, flops.Dense + flops.Gates);
    });

    [Fact]
    public void Parts_AnyNetwork_EqualTheSumOverConvolutions() => SyntheticNetwork.Any.Sample(manifest =>
    {
        var flops = new FlopsModel(manifest);
        int[] all = [.. manifest.Blocks.Select(block => block.Channels)];

        Assert.Equal(BruteForce.Total(manifest, new int[all.Length]), flops.Minimum);
        Assert.Equal(BruteForce.Total(manifest, all), flops.Dense + flops.Gates);
        for (int block = 0; block < all.Length; block++)
        {
            Assert.Equal(BruteForce.Block(manifest.Blocks[block], 0), flops.Block(block, 0));
            Assert.Equal(BruteForce.Block(manifest.Blocks[block], all[block]), flops.Block(block, all[block]));
        }
    });

    [Fact]
    public void MinimumAfter_AnySpan_IsWhatTheRestAddsToACheapestPlan() => SyntheticNetwork.Any.Sample(manifest =>
    {
        var flops = new FlopsModel(manifest);
        var planner = new Planner(manifest, flops);
        var plan = new ImagePlan(manifest);
        planner.Begin(plan);
        for (int span = 0; span < manifest.Spans.Count; span++)
        {
            SpanSpec spec = manifest.Spans[span];
            int channels = manifest.Blocks.Skip(spec.FirstBlock).Take(spec.Blocks).Sum(block => block.Channels);
            planner.Decide(plan, span, new float[spec.Blocks], new float[channels], Planner.NoCap);

            // Deciding the last span brings the head with it.
            long head = span == manifest.Spans.Count - 1 ? manifest.Head.Flops : 0;
            Assert.Equal(flops.Minimum, plan.Flops - head + flops.MinimumAfter(span));
        }
    });

    [Fact]
    public void Members_BeyondTheNetwork_Throw()
    {
        var flops = new FlopsModel(SyntheticNetwork.Example);
        Assert.Throws<IndexOutOfRangeException>(() => flops.Block(3, 0));
        Assert.Throws<IndexOutOfRangeException>(() => flops.MinimumAfter(2));
    }

    private static PlanCase Uniform(BundleManifest manifest, float salience) => new(
        manifest,
        [.. manifest.Blocks.Select(_ => salience)],
        [.. Enumerable.Repeat(salience, manifest.Blocks.Sum(block => block.Channels))],
        0);
}
