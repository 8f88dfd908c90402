namespace LCNet.Bundles.Tests;

public class PriceCurveTests
{
    private static readonly Gen<EffortPrice[]> Points = Gen.Select(Gen.Double[0.01, 1].Array[1, 6], Gen.Double[0, 3].Array[6]).Select((steps, falls) =>
    {
        // Ascending efforts that end at 1, prices that never rise.
        double sum = steps.Sum();
        double price = falls.Sum();
        var points = new EffortPrice[steps.Length];
        for (int i = 0; i < steps.Length; i++)
        {
            price -= falls[i];
            points[i] = new EffortPrice(i == steps.Length - 1 ? 1 : steps[..(i + 1)].Sum() / sum, price);
        }

        return points;
    });

    [Fact]
    public void PriceFor_AnyEffort_LiesOnTheLineBetweenItsNeighbours() => Gen.Select(Points, Gen.Double[0.001, 1]).Sample((points, effort) =>
    {
        double actual = new PriceCurve(points).PriceFor(effort);
        EffortPrice? below = points.LastOrDefault(point => point.Effort <= effort);
        EffortPrice? above = points.FirstOrDefault(point => point.Effort >= effort);
        if (below is null || above is null || below.Effort == above.Effort)
        {
            Assert.Equal((below ?? above)!.Price, actual, 1e-9);
            return;
        }

        // Equal slopes to either side.
        Assert.Equal((actual - below.Price) * (above.Effort - effort), (above.Price - actual) * (effort - below.Effort), 1e-9);
    });

    [Fact]
    public void PriceFor_MoreEffort_NeverCostsAHigherPrice() => Gen.Select(Points, Gen.Double[0.001, 1], Gen.Double[0.001, 1]).Sample((points, one, other) =>
    {
        var curve = new PriceCurve(points);
        Assert.True(curve.PriceFor(Math.Max(one, other)) <= curve.PriceFor(Math.Min(one, other)) + 1e-12);
    });

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void PriceFor_EffortOutOfRange_Throws(double effort) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new PriceCurve([new EffortPrice(1, 0)]).PriceFor(effort));
}
