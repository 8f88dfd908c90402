namespace LCNet.Bundles.Tests;

public class ImagePlanTests
{
    [Fact]
    public void Constructor_AnyNetwork_IsEmpty() => SyntheticNetwork.Any.Sample(manifest =>
    {
        var plan = new ImagePlan(manifest);

        Assert.Equal(manifest.Blocks.Count, plan.Blocks);
        Assert.Equal(0, plan.Flops);
        for (int block = 0; block < plan.Blocks; block++)
        {
            Assert.False(plan.Runs(block));
            Assert.Equal(0, plan.LayerScale(block));
            Assert.Empty(plan.Kept(block).ToArray());
            Assert.Empty(plan.ChannelScales(block).ToArray());
        }
    });

    [Fact]
    public void Begin_PlanOfAnotherImage_ForgetsIt() => PlanCase.Any.Sample(image =>
    {
        var planner = new Planner(image.Manifest, new FlopsModel(image.Manifest));
        ImagePlan plan = image.Run(planner, new ImagePlan(image.Manifest), Planner.NoCap);

        planner.Begin(plan);

        Assert.Equal(image.Manifest.Stem.Flops, plan.Flops);
        Assert.All(Enumerable.Range(0, plan.Blocks), block => Assert.False(plan.Runs(block)));
        Assert.All(Enumerable.Range(0, plan.Blocks), block => Assert.Equal(0, plan.LayerScale(block)));
    });

    [Fact]
    public void Kept_AnyPlan_RunsMeansChannelsAndScalesAboveZero() => PlanCase.Any.Sample(image =>
    {
        ImagePlan plan = image.Run(image.Cap);
        for (int block = 0; block < plan.Blocks; block++)
        {
            long[] kept = plan.Kept(block).ToArray();
            Assert.Equal(plan.Runs(block), kept.Length > 0);
            Assert.Equal(plan.Runs(block), plan.LayerScale(block) > 0);
            Assert.Equal(kept.Distinct().Order(), kept);
            Assert.All(kept, channel => Assert.InRange(channel, 0, image.Manifest.Blocks[block].Channels - 1));
            Assert.Equal(kept.Length, plan.ChannelScales(block).Length);
            Assert.All(plan.ChannelScales(block).ToArray(), scale => Assert.True(scale > 0));
        }
    });
}
