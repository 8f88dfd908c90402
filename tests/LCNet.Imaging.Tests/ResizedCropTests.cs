namespace LCNet.Imaging.Tests;

public class ResizedCropTests
{
    private const int Side = 16;
    private static readonly Picture Noise = Picture.Noise(Side, Side, 5);
    private static readonly RgbImage Image = new(Side, Side, Noise.Rgb);

    [Fact]
    public void Draw_WholeImageAtItsSize_IsItself() => Assert.Equal(Noise.Rgb, Draw(0, 0, Side, Side, false, null, Side));

    [Fact]
    public void Draw_Mirrored_IsItTurnedRound()
    {
        byte[] mirrored = Draw(0, 0, Side, Side, true, null, Side);
        for (int i = 0; i < Side * Side; i++)
        {
            int other = i - (i % Side) + Side - 1 - (i % Side);
            Assert.Equal(Noise.Rgb[(3 * i)..(3 * i + 3)], mirrored[(3 * other)..(3 * other + 3)]);
        }
    }

    [Fact]
    public void Draw_PartAtItsSize_IsThatPart()
    {
        byte[] part = Draw(5, 3, 8, 8, false, null, 8);
        for (int y = 0; y < 8; y++)
        {
            int from = ((y + 3) * Side + 5) * 3;
            Assert.Equal(Noise.Rgb[from..(from + 24)], part[(y * 24)..(y * 24 + 24)]);
        }
    }

    [Fact]
    public void Draw_PartThatIsScaled_StretchesIt()
    {
        // A ramp stays a ramp: half of it over the whole width rises half as fast.
        byte[] ramp = [.. Enumerable.Range(0, Side * Side).SelectMany(i => Enumerable.Repeat((byte)(i % Side * 10), 3))];
        byte[] result = new byte[3 * Side * Side];
        ResizedCrop.Draw(new RgbImage(Side, Side, ramp), 4, 0, 8, 16, false, null, Side, result);
        for (int x = 1; x < Side - 1; x++)
        {
            Assert.InRange(result[3 * x] - ((4 + ((x + 0.5) / 2) - 0.5) * 10), -2, 2);
        }
    }

    [Fact]
    public void Draw_Colours_AreTheMatrixTimesThem()
    {
        float[] matrix = [0.5f, 0.2f, 0, 0, 0.1f, 0, 0.9f, 0, 0, 0, 0.3f, 0.3f, 0.3f, 0, -0.05f, 0, 0, 0, 1, 0];
        byte[] result = Draw(0, 0, Side, Side, false, matrix, Side);
        for (int i = 0; i < Side * Side; i++)
        {
            for (int c = 0; c < 3; c++)
            {
                double expected = (Enumerable.Range(0, 3).Sum(k => matrix[(5 * c) + k] * (double)Noise.Rgb[(3 * i) + k]) + (255 * matrix[(5 * c) + 4]));
                Assert.InRange(result[(3 * i) + c] - Math.Clamp(expected, 0, 255), -1, 1);
            }
        }
    }

    [Fact]
    public void Draw_DestinationOfAnotherLength_IsRefused() =>
        Assert.Throws<ArgumentException>(() => ResizedCrop.Draw(Image, 0, 0, Side, Side, false, null, Side, new byte[7]));

    private static byte[] Draw(float left, float top, float width, float height, bool mirror, float[]? colours, int size)
    {
        byte[] result = new byte[3 * size * size];
        ResizedCrop.Draw(Image, left, top, width, height, mirror, colours, size, result);
        return result;
    }
}
