using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Batching;

public class FixedSizesTests
{
    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(2, new[] { 1, 2 })]
    [InlineData(3, new[] { 1, 2, 4 })]
    [InlineData(32, new[] { 1, 2, 4, 8, 16, 32 })]
    [InlineData(33, new[] { 1, 2, 4, 8, 16, 32, 64 })]
    public void PowersOfTwo_AnyMost_ReachIt(int most, int[] expected) => Assert.Equal(expected, FixedSizes.PowersOfTwo(most).All);

    [Theory]
    [InlineData(4, 8, new[] { 1, 2, 3, 4 })]
    [InlineData(16, 8, new[] { 2, 4, 6, 8, 10, 12, 14, 16 })]
    [InlineData(20, 8, new[] { 3, 6, 9, 12, 15, 18, 20 })]
    [InlineData(5, 1, new[] { 5 })]
    public void Steps_AnyMost_EndWithIt(int most, int steps, int[] expected) => Assert.Equal(expected, FixedSizes.Steps(most, steps).All);

    [Fact]
    public void Up_AnyValue_IsTheLeastSizeThatIsNoSmaller() => Gen.Select(Gen.Int[1, 600], Gen.Int[1, 12], Gen.Bool).Sample((most, steps, powers) =>
    {
        FixedSizes sizes = powers ? FixedSizes.PowersOfTwo(most) : FixedSizes.Steps(most, steps);
        Assert.True(powers || sizes.All.Count <= steps);
        Assert.InRange(sizes.Most, most, powers ? (2 * most) - 1 : most);
        for (int value = 1; value <= most; value++)
        {
            Assert.Equal(sizes.All.First(size => size >= value), sizes.Up(value));
            Assert.Equal(sizes.Up(value), sizes.All[sizes.IndexOf(value)]);
        }
    });
}
