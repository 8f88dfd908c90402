namespace LCNet.Imaging.Tests;

public class PixelsTests
{
    private static readonly float[] Mean = [0.4914f, 0.4822f, 0.4465f];
    private static readonly float[] Std = [0.247f, 0.2435f, 0.2616f];

    [Fact]
    public void Normalise_AnyPixels_EqualTheFormulaInDouble() =>
        Gen.Select(Gen.Int[0, 60], Gen.Int, Gen.Float[-1, 2].Array[3], Gen.Float[0.01f, 3].Array[3]).Sample((pixels, seed, mean, std) =>
        {
            byte[] rgb = Picture.Noise(pixels, 1, seed).Rgb;
            float[] planes = new float[rgb.Length];

            Pixels.Normalise(rgb, mean, std, planes);

            for (int plane = 0; plane < 3; plane++)
            {
                for (int i = 0; i < pixels; i++)
                {
                    double expected = ((rgb[(i * 3) + plane] / 255.0) - mean[plane]) / std[plane];
                    Assert.Equal(expected, planes[(plane * pixels) + i], 1e-6 * (1 + Math.Abs(mean[plane])) / std[plane]);
                }
            }
        });

    [Fact]
    public void Normalise_EveryByte_EqualsTheFormulaInDouble()
    {
        byte[] rgb = [.. Enumerable.Range(0, 256).SelectMany(value => new[] { (byte)value, (byte)(255 - value), (byte)(value ^ 85) })];
        float[] planes = new float[rgb.Length];

        Pixels.Normalise(rgb, Mean, Std, planes);

        for (int i = 0; i < rgb.Length; i++)
        {
            Assert.Equal(((rgb[i] / 255.0) - Mean[i % 3]) / Std[i % 3], planes[(i % 3 * 256) + (i / 3)], 1e-6);
        }
    }

    [Theory]
    [InlineData(12, 11)]
    [InlineData(12, 15)]
    [InlineData(0, 3)]
    [InlineData(4, 4)]
    [InlineData(5, 5)]
    public void Normalise_LengthsThatAreNotOneImage_Throw(int bytes, int values) =>
        Assert.Throws<ArgumentException>("planes", () => Pixels.Normalise(new byte[bytes], Mean, Std, new float[values]));

    [Theory]
    [InlineData(2, 3, "mean")]
    [InlineData(4, 3, "mean")]
    [InlineData(3, 2, "std")]
    [InlineData(3, 4, "std")]
    public void Normalise_NotThreeMeansAndDeviations_Throws(int means, int deviations, string parameter) =>
        Assert.Throws<ArgumentException>(parameter, () => Pixels.Normalise(new byte[3], new float[means], new float[deviations], new float[3]));

    [Fact]
    public void Normalise_NoMeansOrDeviations_Throws()
    {
        Assert.Throws<ArgumentNullException>("mean", () => Pixels.Normalise([], null!, Std, []));
        Assert.Throws<ArgumentNullException>("std", () => Pixels.Normalise([], Mean, null!, []));
    }
}
