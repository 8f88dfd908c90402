namespace LCNet.Imaging.Tests;

public class ImageDecoderResizeTests
{
    private static readonly Gen<int> Margin = Gen.Int[0, 12];

    [Fact]
    public void Decode_WideImageOfTheRightHeight_IsItsCentre() => Gen.Select(Gen.Int[1, 24], Margin, Gen.Int).Sample((side, margin, seed) =>
    {
        Picture picture = Picture.Noise(side + (2 * margin), side, seed);
        Assert.Equal(Crop(picture, margin, 0, side, side), Decoding.Decode(picture.Png(), side, side));
    });

    [Fact]
    public void Decode_TallImageOfTheRightWidth_IsItsCentre() => Gen.Select(Gen.Int[1, 24], Margin, Gen.Int).Sample((side, margin, seed) =>
    {
        Picture picture = Picture.Noise(side, side + (2 * margin), seed);
        Assert.Equal(Crop(picture, 0, margin, side, side), Decoding.Decode(picture.Png(), side, side));
    });

    [Fact]
    public void Decode_AnySizes_FollowsTheGeometryOfFitCrop() =>
        Gen.Select(Gen.Int[24, 120], Gen.Int[24, 120], Gen.Int[4, 80], Gen.Int[4, 80]).Sample((sourceWidth, sourceHeight, width, height) =>
        {
            byte[] actual = Decoding.Decode(Picture.Ramp(sourceWidth, sourceHeight).Png(), width, height);

            double scale = Math.Max(width / (double)sourceWidth, height / (double)sourceHeight);
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    // Where the centre of this pixel lies in the source, in shares of its sides.
                    double right = 0.5 + ((x + 0.5 - (width / 2.0)) / scale / sourceWidth);
                    double down = 0.5 + ((y + 0.5 - (height / 2.0)) / scale / sourceHeight);
                    int at = ((y * width) + x) * 3;
                    AssertNear(255 * right, actual[at], sourceWidth, scale);
                    AssertNear(255 * down, actual[at + 1], sourceHeight, scale);
                    AssertNear(255 * (1 - right), actual[at + 2], sourceWidth, scale);
                }
            }
        });

    [Fact]
    public void Decode_TwiceTheSize_AveragesPixels() => Gen.Select(Gen.Int[1, 20], Gen.Int[1, 20], Gen.Int).Sample((width, height, seed) =>
    {
        Picture picture = Picture.Noise(width * 2, height * 2, seed);
        byte[] expected = new byte[width * height * 3];
        for (int i = 0; i < expected.Length; i++)
        {
            int x = i / 3 % width * 2;
            int y = i / 3 / width * 2;
            int sum = picture.At(x, y, i % 3) + picture.At(x + 1, y, i % 3) + picture.At(x, y + 1, i % 3) + picture.At(x + 1, y + 1, i % 3);
            expected[i] = (byte)((sum + 2) / 4);
        }

        Decoding.AssertClose(expected, Decoding.Decode(picture.Png(), width, height), 2);
    });

    [Fact]
    public void Decode_OneColour_StaysThatColourToTheEdges() =>
        Gen.Select(Gen.Int[1, 120], Gen.Int[1, 120], Gen.Int[1, 70], Gen.Int[1, 70], Gen.Byte.Array[3]).Sample(
            (sourceWidth, sourceHeight, width, height, colour) =>
            {
                byte[] source = [.. Enumerable.Range(0, sourceWidth * sourceHeight * 3).Select(i => colour[i % 3])];
                byte[] expected = [.. Enumerable.Range(0, width * height * 3).Select(i => colour[i % 3])];

                Decoding.AssertClose(expected, Decoding.Decode(new Picture(sourceWidth, sourceHeight, source).Bmp(), width, height), 1);
            },
            iter: 100);

    [Theory]
    [InlineData(1, 3000)]
    [InlineData(3000, 1)]
    [InlineData(2, 4001)]
    public void Decode_ExtremeShape_IsStillFilled(int sourceWidth, int sourceHeight)
    {
        byte[] white = [.. Enumerable.Repeat((byte)255, sourceWidth * sourceHeight * 3)];
        byte[] expected = [.. Enumerable.Repeat((byte)255, 32 * 32 * 3)];
        Assert.Equal(expected, Decoding.Decode(new Picture(sourceWidth, sourceHeight, white).Bmp(), 32, 32));
    }

    // Two levels for rounding, and one source pixel or 0.4 pixels of the result, whichever is more: filters bend a ramp at its ends, and a
    // mipmap of an odd side is a little off. A crop that is off by half a pixel of the result would still show.
    private static void AssertNear(double expected, byte actual, int sourceSide, double scale)
    {
        double tolerance = 2 + (255.0 / sourceSide * Math.Max(1, 0.4 / scale));
        if (Math.Abs(expected - actual) > tolerance)
        {
            Assert.Fail($"{actual} is not {expected:0.0} ± {tolerance:0.0}.");
        }
    }

    private static byte[] Crop(Picture picture, int left, int top, int width, int height) =>
    [
        .. from y in Enumerable.Range(top, height)
           from x in Enumerable.Range(left, width)
           from plane in Enumerable.Range(0, 3)
           select picture.At(x, y, plane),
    ];
}
