namespace LCNet.Bundles.Tests;

public class FlopsSummaryTests
{
    [Fact]
    public void Of_NoImage_IsRefused() => Assert.Throws<ArgumentException>(() => FlopsSummary.Of([]));

    [Fact]
    public void Of_AnySet_PercentilesAreTheLeastValuesThatEnoughImagesDoNotExceed() =>
        Gen.Long[0, 50].Array[1, 60].Sample(flops =>
        {
            FlopsSummary summary = FlopsSummary.Of(flops);
            Assert.Equal(flops.Sum() / (double)flops.Length, summary.Mean, 1e-9);
            Assert.Equal(flops.Max(), summary.Most);
            Assert.Equal(Least(flops, 5), summary.P5);
            Assert.Equal(Least(flops, 95), summary.P95);
        });

    private static long Least(long[] flops, int percent) =>
        flops.Where(candidate => 100 * flops.Count(value => value <= candidate) >= percent * flops.Length).Min();
}
