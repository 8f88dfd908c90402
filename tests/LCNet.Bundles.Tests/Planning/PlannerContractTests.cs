namespace LCNet.Bundles.Tests;

public class PlannerContractTests
{
    private static readonly BundleManifest Network = SyntheticNetwork.Example;
    private readonly FlopsModel _flops = new(Network);
    private readonly ImagePlan _plan = new(Network);
    private readonly Planner _planner;

    public PlannerContractTests()
    {
        _planner = new Planner(Network, _flops);
        _planner.Begin(_plan);
    }

    [Fact]
    public void Decide_AfterWarmUp_AllocatesNothing()
    {
        // As loaded from disk, since that is what a server plans with.
        using BundleFolder folder = BundleFolder.Example();
        Bundle bundle = Bundle.Open(folder.Folder);
        PlanCase[] images = PlanCase.For(bundle.Manifest).Array[64].Single();
        var planner = new Planner(bundle.Manifest, bundle.Flops);
        var plan = new ImagePlan(bundle.Manifest);
        long[] caps = [.. images.Select(image => image.Cap)];
        long Spend()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < images.Length; i++)
            {
                images[i].Run(planner, plan, caps[i]);
                images[i].Run(planner, plan, Planner.NoCap);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Spend();

        Assert.Equal(0, Spend());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Decide_WrongNumberOfLayers_Throws(int count) =>
        Assert.Throws<ArgumentException>("layers", () => _planner.Decide(_plan, 0, new float[count], new float[7], Planner.NoCap));

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(100)]
    public void Decide_WrongNumberOfChannels_Throws(int count)
    {
        float[] ones = [.. Enumerable.Repeat(1f, count)];
        Assert.Throws<ArgumentException>("channels", () => _planner.Decide(_plan, 0, [1, 1], ones, Planner.NoCap));
        Assert.Throws<ArgumentException>("channels", () => _planner.Decide(_plan, 0, [1, 1], ones, _flops.Minimum));
    }

    [Fact]
    public void Decide_CapBelowTheMinimum_ThrowsNamingTheMinimum()
    {
        ArgumentOutOfRangeException exception = Assert.Throws<ArgumentOutOfRangeException>(
            "cap", () => _planner.Decide(_plan, 0, new float[2], new float[7], _flops.Minimum - 1));
        Assert.Contains($"{_flops.Minimum} FLOPs", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decide_SalienceThatIsNotAbove0_IsSkipped()
    {
        float[] channels = [float.NaN, -1, 0.5f, -0f, 1, 1, 1];
        _planner.Decide(_plan, 0, [1, float.NaN], channels, Planner.NoCap);

        Assert.Equal([2L], _plan.Kept(0).ToArray());
        Assert.False(_plan.Runs(1));
        Assert.Equal(0, _plan.LayerScale(1));
    }

    [Fact]
    public void Methods_WithoutAPlan_Throw()
    {
        Assert.Throws<ArgumentNullException>(() => _planner.Begin(null!));
        Assert.Throws<ArgumentNullException>(() => _planner.Decide(null!, 0, [], [], Planner.NoCap));
    }
}
