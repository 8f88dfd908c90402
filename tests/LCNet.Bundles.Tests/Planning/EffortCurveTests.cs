namespace LCNet.Bundles.Tests;

public class EffortCurveTests
{
    private static readonly EffortCurve Curve = new([Point(0.2, 1000), Point(0.5, 2000), Point(0.6, 2000), Point(1, 6000)]);

    private static readonly Gen<CalibrationPoint[]> Tables =
        Gen.Select(Gen.Int[1, 20], Gen.Int[0, 1000]).Array[1, 6].Select(steps =>
        {
            var points = new CalibrationPoint[steps.Length];
            int total = steps.Sum(step => step.Item1);
            int effort = 0;
            int flops = 10;
            for (int i = 0; i < steps.Length; i++)
            {
                effort += steps[i].Item1;
                flops += steps[i].Item2;
                points[i] = Point(effort / (double)total, flops);
            }

            return points;
        });

    [Theory]
    [InlineData(1000, 0.2)]
    [InlineData(6000, 1)]
    public void EffortFor_MeanOfAPoint_IsItsEffort(long flops, double effort) => Assert.Equal(effort, Curve.EffortFor(flops), 12);

    [Fact]
    public void EffortFor_MeanOfTwoPoints_IsTheHigherEffort() => Assert.Equal(0.6, Curve.EffortFor(2000), 12);

    [Theory]
    [InlineData(1250, 0.275)]
    [InlineData(1500, 0.35)]
    [InlineData(1999, 0.4997)]
    [InlineData(3000, 0.7)]
    [InlineData(5000, 0.9)]
    public void EffortFor_BetweenPoints_IsLinear(long flops, double effort) => Assert.Equal(effort, Curve.EffortFor(flops), 12);

    [Theory]
    [InlineData(0.01, 1000)]
    [InlineData(0.2, 1000)]
    [InlineData(0.35, 1500)]
    [InlineData(0.5, 2000)]
    [InlineData(0.55, 2000)]
    [InlineData(0.7, 3000)]
    [InlineData(1, 6000)]
    public void FlopsFor_Effort_IsLinearBetweenPointsAndFlatBelowTheLowest(double effort, double flops) => Assert.Equal(flops, Curve.FlopsFor(effort), 6);

    [Theory]
    [InlineData(0)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void FlopsFor_EffortOutOfRange_IsRefused(double effort) => Assert.Throws<ArgumentOutOfRangeException>(() => Curve.FlopsFor(effort));

    [Fact]
    public void LeastEffort_AnyCurve_IsThatOfItsFirstPoint() => Assert.Equal(0.2, Curve.LeastEffort);

    [Theory]
    [InlineData(999)]
    [InlineData(0)]
    [InlineData(long.MinValue)]
    public void EffortFor_BelowTheLowestMean_IsTheLowestEffort(long flops) => Assert.Equal(0.2, Curve.EffortFor(flops));

    [Theory]
    [InlineData(6001)]
    [InlineData(long.MaxValue)]
    public void EffortFor_AboveTheHighestMean_IsOne(long flops) => Assert.Equal(1, Curve.EffortFor(flops));

    [Fact]
    public void EffortFor_AnyTable_IsTheLargestEffortThatFits() => Gen.Select(Tables, Gen.Int[0, 6500]).Sample((points, flops) =>
    {
        double effort = new EffortCurve(points).EffortFor(flops);

        Assert.InRange(effort, points[0].Effort, 1);
        Assert.True(effort == points[0].Effort || MeanAt(points, effort) <= flops + 1e-6);
        if (effort < 1 - 1e-9)
        {
            Assert.True(MeanAt(points, Math.Min(1, effort + 1e-6)) > flops - 1e-6);
        }
    });

    [Fact]
    public void EffortFor_RisingCap_NeverFalls() => Tables.Sample(points =>
    {
        var curve = new EffortCurve(points);
        double previous = 0;
        for (long flops = 0; flops < 6500; flops += 13)
        {
            double effort = curve.EffortFor(flops);
            Assert.True(effort >= previous);
            previous = effort;
        }
    });

    [Fact]
    public void Constructor_NoPoints_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new EffortCurve([]));
        Assert.Throws<ArgumentNullException>(() => new EffortCurve(null!));
    }

    // The curve the other way round, from effort to FLOPs.
    private static double MeanAt(CalibrationPoint[] points, double effort)
    {
        for (int i = 1; i < points.Length; i++)
        {
            if (effort <= points[i].Effort)
            {
                double share = (effort - points[i - 1].Effort) / (points[i].Effort - points[i - 1].Effort);
                return points[i - 1].MeanFlops + (share * (points[i].MeanFlops - points[i - 1].MeanFlops));
            }
        }

        return points[^1].MeanFlops;
    }

    private static CalibrationPoint Point(double effort, double flops) => new(effort, flops, 1, 0.5, 0.01);
}
