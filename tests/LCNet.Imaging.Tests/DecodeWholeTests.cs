namespace LCNet.Imaging.Tests;

public class DecodeWholeTests
{
    [Theory]
    [InlineData(60, 44, 22, 30, 22)]
    [InlineData(44, 60, 22, 22, 30)]
    [InlineData(60, 44, 44, 60, 44)]
    [InlineData(20, 10, 44, 20, 10)]
    [InlineData(1, 9, 4, 1, 9)]
    public void DecodeWhole_AnyImage_IsScaledDownToItsShorterSideAndNeverUp(int width, int height, int shorterSide, int expectedWidth, int expectedHeight)
    {
        RgbImage image = ImageDecoder.DecodeWhole(Picture.Ramp(width, height).Png(), shorterSide, ImageLimits.Default);
        Assert.Equal((expectedWidth, expectedHeight), (image.Width, image.Height));
        Assert.Equal(3 * expectedWidth * expectedHeight, image.Rgb.Length);
    }

    [Fact]
    public void DecodeWhole_ImageOfTheRightSize_IsItsPixels()
    {
        Picture picture = Picture.Noise(9, 7, 3);
        Assert.Equal(picture.Rgb, ImageDecoder.DecodeWhole(picture.Png(), 7, ImageLimits.Default).Rgb);
    }

    [Fact]
    public void DecodeWhole_SquareImage_IsWhatIsServed()
    {
        byte[] file = Picture.Ramp(64, 64).Png();
        Assert.Equal(Decoding.Decode(file, 24, 24), ImageDecoder.DecodeWhole(file, 24, ImageLimits.Default).Rgb);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(8)]
    public void DecodeWhole_StoredTurned_IsUpright(int orientation)
    {
        // Orientations above 4 lie on their side, so that what is stored as wide is seen as high.
        Picture stored = Picture.Ramp(60, 44);
        byte[] png = stored.Png();
        RgbImage image = ImageDecoder.DecodeWhole(RawFiles.PngWith(png, RawFiles.Exif((ushort)orientation, true)), 22, ImageLimits.Default);
        Assert.Equal(orientation > 4 ? (22, 30) : (30, 22), (image.Width, image.Height));

        // The corner that was stored first: upper left, lower right, upper right, lower left.
        (int x, int y) = orientation switch { 1 => (0, 0), 3 => (image.Width - 1, image.Height - 1), 6 => (image.Width - 1, 0), _ => (0, image.Height - 1) };
        byte[] plain = ImageDecoder.DecodeWhole(png, 22, ImageLimits.Default).Rgb;
        Assert.Equal(plain[..3], image.Rgb[(((y * image.Width) + x) * 3)..(((y * image.Width) + x) * 3 + 3)]);
    }

    [Fact]
    public void DecodeWhole_OverALimit_IsRefused()
    {
        byte[] file = Picture.Ramp(64, 64).Png();
        Assert.Throws<ImageFormatException>(() => ImageDecoder.DecodeWhole(file, 24, new ImageLimits { MaxBytes = file.Length - 1 }));
        Assert.Throws<ImageFormatException>(() => ImageDecoder.DecodeWhole(file, 24, new ImageLimits { MaxPixels = (64 * 64) - 1 }));
        Assert.Throws<ImageFormatException>(() => ImageDecoder.DecodeWhole([], 24, ImageLimits.Default));
    }
}
