using SkiaSharp;

namespace LCNet.Imaging.Tests;

public class ImageDecoderFormatTests
{
    [Fact]
    public void Decode_Png_GivesTheExactPixels() => Picture.Noise(40).Sample(picture =>
        Assert.Equal(picture.Rgb, Decoding.Decode(picture.Png(), picture.Width, picture.Height)));

    [Fact]
    public void Decode_LosslessWebp_GivesTheExactPixels() => Picture.Noise(40).Sample(
        picture => Assert.Equal(picture.Rgb, Decoding.Decode(picture.WebpLossless(), picture.Width, picture.Height)),
        iter: 50);

    [Fact]
    public void Decode_Bmp_GivesTheExactPixels() => Gen.Select(Picture.Noise(40), Gen.Bool).Sample((picture, topDown) =>
        Assert.Equal(picture.Rgb, Decoding.Decode(picture.Bmp(topDown), picture.Width, picture.Height)));

    [Fact]
    public void Decode_PngMadeByHand_GivesTheExactPixels() => Picture.Noise(20).Sample(picture =>
        Assert.Equal(
            picture.Rgb,
            Decoding.Decode(RawFiles.Png(picture.Width, picture.Height, RawFiles.Truecolour, picture.Rgb.Chunk(picture.Width * 3).ToArray()), picture.Width, picture.Height)));

    [Fact]
    public void Decode_Jpeg_IsCloseToTheSourceAndToSkia()
    {
        Picture picture = Picture.Ramp(60, 44);
        byte[] jpeg = picture.Jpeg();

        byte[] actual = Decoding.Decode(jpeg, 60, 44);

        Decoding.AssertClose(picture.Rgb, actual, 8);
        using SKBitmap bitmap = SKBitmap.Decode(jpeg);
        byte[] skia = [.. bitmap.Pixels.SelectMany(colour => new[] { colour.Red, colour.Green, colour.Blue })];
        Decoding.AssertClose(skia, actual, 1);
    }

    [Fact]
    public void Decode_LossyWebp_IsCloseToTheSource()
    {
        Picture picture = Picture.Ramp(60, 44);
        Decoding.AssertClose(picture.Rgb, Decoding.Decode(picture.Webp(95), 60, 44), 12);
    }

    [Fact]
    public void Decode_GreyPng_GivesEqualPlanes()
    {
        byte[] file = RawFiles.Png(3, 2, RawFiles.Grey, [0, 100, 255], [7, 8, 9]);
        Assert.Equal([0, 0, 0, 100, 100, 100, 255, 255, 255, 7, 7, 7, 8, 8, 8, 9, 9, 9], Decoding.Decode(file, 3, 2));
    }

    [Fact]
    public void Decode_GreyJpeg_GivesEqualPlanes()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(16, 16, SKColorType.Gray8));
        bitmap.Erase(new SKColor(90, 90, 90));
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 95);

        Decoding.AssertClose([.. Enumerable.Repeat((byte)90, 16 * 16 * 3)], Decoding.Decode(data.ToArray(), 16, 16), 1);
    }

    [Fact]
    public void Decode_TransparentPng_IsDrawnOnBlack() => Gen.Byte.Array[4 * 16].Sample(rgba =>
    {
        byte[] expected = [.. Enumerable.Range(0, 48).Select(i => (byte)Math.Round(rgba[(i / 3 * 4) + (i % 3)] * rgba[(i / 3 * 4) + 3] / 255.0))];
        byte[] file = RawFiles.Png(4, 4, RawFiles.TruecolourWithAlpha, rgba.Chunk(16).ToArray());

        Decoding.AssertClose(expected, Decoding.Decode(file, 4, 4), 1);
    });

    [Fact]
    public void Decode_PngOf16Bits_IsReducedTo8()
    {
        byte[] file = RawFiles.Png(3, 1, 16, RawFiles.Grey, [], [[0, 0, 0x80, 0xFF, 0xFF, 0xFF]]);

        Decoding.AssertClose([0, 0, 0, 128, 128, 128, 255, 255, 255], Decoding.Decode(file, 3, 1), 1);
    }

    [Fact]
    public void Decode_PngWithAColourProfile_GivesTheValuesAsTheyAreStored()
    {
        Picture picture = Picture.Ramp(24, 20);
        using SKBitmap bitmap = SKBitmap.Decode(picture.Png());
        using SKImage image = SKImage.FromPixelCopy(
            new SKImageInfo(24, 20, bitmap.ColorType, SKAlphaType.Opaque, SKColorSpace.CreateRgb(SKColorSpaceTransferFn.Linear, SKColorSpaceXyz.DisplayP3)), bitmap.Bytes);
        using SKData data = image.Encode(SKEncodedImageFormat.Png, 100);
        byte[] file = data.ToArray();
        Assert.True(file.AsSpan().IndexOf("iCCP"u8) > 0);

        Assert.Equal(picture.Rgb, Decoding.Decode(file, 24, 20));
    }

    [Fact]
    public void Decode_AnimatedWebp_GivesTheFirstPicture()
    {
        Picture first = Picture.Noise(24, 20, 1);
        byte[] file = RawFiles.AnimatedWebp(24, 20, first.WebpLossless(), Picture.Noise(24, 20, 2).WebpLossless());

        Assert.Equal(first.Rgb, Decoding.Decode(file, 24, 20));
    }

    [Fact]
    public void Decode_SameFileOnManyThreads_GivesTheSamePixels()
    {
        byte[] jpeg = Picture.Noise(70, 50, 3).Jpeg(80);
        byte[] expected = Decoding.Decode(jpeg, 32, 32);
        Parallel.For(0, 50, _ => Assert.Equal(expected, Decoding.Decode(jpeg, 32, 32)));
    }
}
