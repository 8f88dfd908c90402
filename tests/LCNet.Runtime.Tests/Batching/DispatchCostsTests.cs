using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Batching;

public class DispatchCostsTests
{
    [Fact]
    public void Of_AnyShape_IsThatOfTheNextLargerFixedOne()
    {
        var costs = new DispatchCosts(FixedSizes.PowersOfTwo(4), [FixedSizes.Steps(6, 3), FixedSizes.Steps(2, 3)], (block, rows, channels) => (100 * block) + (10 * rows) + channels);
        Assert.Equal(12, costs.Of(0, 1, 1));
        Assert.Equal(12, costs.Of(0, 1, 2));
        Assert.Equal(46, costs.Of(0, 3, 5));
        Assert.Equal(142, costs.Of(1, 4, 2));
        Assert.Equal(121, costs.Of(1, 2, 1));
    }

    [Fact]
    public void New_NoisyMeasurements_NeverMakeALargerDispatchCheaper() => Gen.Int[0, 1000].Sample(seed =>
    {
        var random = new Random(seed);
        var measured = new Dictionary<(int, int), double>();
        var rows = FixedSizes.PowersOfTwo(8);
        var channels = FixedSizes.Steps(5, 5);
        var costs = new DispatchCosts(rows, [channels], (_, n, k) => measured[(n, k)] = random.NextDouble());
        foreach (int n in rows.All)
        {
            foreach (int k in channels.All)
            {
                // The dearest of all that are no larger.
                double expected = measured.Where(shape => shape.Key.Item1 <= n && shape.Key.Item2 <= k).Max(shape => shape.Value);
                Assert.Equal(expected, costs.Of(0, n, k));
            }
        }
    });
}
