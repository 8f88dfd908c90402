using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Batching;

public class FixedSizesTests
{
    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(4, new[] { 1, 2, 3, 4 })]
    [InlineData(20, new[] { 3, 6, 9, 12, 15, 18, 21 })]
    [InlineData(32, new[] { 4, 8, 12, 16, 20, 24, 28, 32 })]
    public void All_AnyMost_AreEqualStepsUpToIt(int most, int[] expected) => Assert.Equal(expected, new FixedSizes(most).All);

    [Fact]
    public void Up_AnyValue_IsTheLeastSizeThatIsNoSmaller() => Gen.Int[1, 600].Sample(most =>
    {
        var sizes = new FixedSizes(most);
        Assert.InRange(sizes.All.Count, 1, 8);
        Assert.InRange(sizes.Most, most, most + sizes.Step - 1);
        for (int value = 1; value <= most; value++)
        {
            Assert.Equal(sizes.All.First(size => size >= value), sizes.Up(value));
        }
    });
}
