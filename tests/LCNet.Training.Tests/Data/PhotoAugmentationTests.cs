using LCNet.Imaging;
using LCNet.Training.Data;

namespace LCNet.Training.Tests.Data;

public class PhotoAugmentationTests
{
    private const int Side = 12;

    [Theory]
    [InlineData(256, 341, 0.35)]
    [InlineData(341, 256, 0.08)]
    [InlineData(100, 100, 0.9)]
    public void Choose_AnyPhoto_LiesWithinItAndHasAreaAndRatioAsAsked(int width, int height, double minArea)
    {
        var random = new Random(1);
        var areas = new List<double>();
        for (int i = 0; i < 2000; i++)
        {
            (double left, double top, double w, double h) = PhotoAugmentation.Choose(width, height, minArea, random);
            Assert.True(left >= 0 && top >= 0 && left + w <= width + 1e-9 && top + h <= height + 1e-9);
            Assert.InRange(w / h, 0.75 - 1e-9, (4.0 / 3) + 1e-9);
            areas.Add(w * h / width / height);
        }

        Assert.InRange(areas.Min(), minArea - 1e-9, minArea + 0.05);
        Assert.True(areas.Max() > 0.85);
    }

    [Theory]
    [InlineData(1000, 10)]
    [InlineData(10, 1000)]
    public void Choose_VeryLongPhoto_IsItsMiddle(int width, int height)
    {
        (double left, double top, double w, double h) = PhotoAugmentation.Choose(width, height, 0.9, new Random(1));
        Assert.Equal(width / 2.0, left + (w / 2), 1e-9);
        Assert.Equal(height / 2.0, top + (h / 2), 1e-9);
        Assert.Equal(Math.Min(width, height), Math.Min(w, h), 1e-9);
    }

    [Fact]
    public void Draw_ColourJitter_IsBrightnessThenContrastThenSaturation()
    {
        // One colour in the middle of the range, so that nothing is cut off.
        byte[] colour = [120, 140, 100];
        var photo = new RgbImage(Side, Side, [.. Enumerable.Repeat(colour, Side * Side).SelectMany(each => each)]);
        var seen = new HashSet<string>();
        for (int seed = 0; seed < 50; seed++)
        {
            byte[] rgb = new byte[3 * Side * Side];
            PhotoAugmentation.Draw(photo, new Augmentation { MinCropArea = 0.5, ColourJitter = 0.3 }, false, Side, new Random(seed), rgb);

            // The same draws: a rectangle, then three factors.
            var random = new Random(seed);
            PhotoAugmentation.Choose(Side, Side, 0.5, random);
            double Factor() => 0.7 + (0.6 * random.NextDouble());
            double brightness = Factor();
            double contrast = Factor();
            double saturation = Factor();
            double[] changed = [.. colour.Select(value => value / 255.0 * brightness).Select(value => ((value - 0.5) * contrast) + 0.5)];
            double grey = (0.299 * changed[0]) + (0.587 * changed[1]) + (0.114 * changed[2]);
            for (int c = 0; c < 3; c++)
            {
                double expected = 255 * (grey + (saturation * (changed[c] - grey)));
                Assert.InRange(rgb[c] - expected, -1.5, 1.5);
            }

            seen.Add(string.Join(' ', rgb[..3]));
        }

        Assert.True(seen.Count > 40);
    }

    [Fact]
    public void Draw_NoColourJitter_LeavesColours()
    {
        var photo = new RgbImage(Side, Side, [.. Enumerable.Repeat(new byte[] { 10, 200, 90 }, Side * Side).SelectMany(each => each)]);
        byte[] rgb = new byte[3 * Side * Side];
        PhotoAugmentation.Draw(photo, new Augmentation { MinCropArea = 0.5 }, true, Side, new Random(1), rgb);
        Assert.Equal(photo.Rgb, rgb);
    }
}
