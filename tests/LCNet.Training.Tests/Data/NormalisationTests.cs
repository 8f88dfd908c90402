using LCNet.Training.Data;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Data;

public class NormalisationTests
{
    // Figures are rounded to four decimals, and then to single precision, whose values lie 6e-8 apart just below 1.
    private const double Rounding = 0.5e-4 + 0.4e-7;

    [Fact]
    public void Of_AnyImages_EqualsMeanAndDeviationInTwoPasses() => Gen.Select(Gen.Int[1, 40], Gen.Int[1, 9], Gen.Int[0, 10_000]).Sample(
        (count, size, seed) =>
        {
            ImageSet images = RandomImages.Make(count, size, seed);
            Normalisation actual = Normalisation.Of(images);
            for (int c = 0; c < 3; c++)
            {
                double[] values = [.. Enumerable.Range(0, count).SelectMany(i => images.Pixels(i).ToArray().Where((_, p) => p % 3 == c)).Select(value => value / 255.0)];
                double mean = values.Average();
                double deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
                Assert.Equal(mean, actual.Mean[c], Rounding);
                Assert.Equal(Math.Max(1e-3, deviation), actual.Std[c], Rounding);
            }
        },
        iter: 60);

    [Fact]
    public void Of_OneFlatColour_NeverDividesByZero()
    {
        byte[] pixels = [.. Enumerable.Range(0, 2 * 4 * 4).SelectMany(_ => new byte[] { 255, 0, 51 })];
        Normalisation actual = Normalisation.Of(new ImageSet(pixels, [0, 1], 4, ["a", "b"]));
        Assert.Equal([1f, 0f, 0.2f], actual.Mean);
        Assert.All(actual.Std, std => Assert.Equal(0.001f, std));
    }
}
