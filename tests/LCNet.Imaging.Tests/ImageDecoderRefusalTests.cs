namespace LCNet.Imaging.Tests;

public class ImageDecoderRefusalTests
{
    private const string Unreadable = "the image is not a readable JPEG, PNG, WebP or BMP file";

    private static readonly Picture Sample = Picture.Noise(24, 20, 5);

    public static TheoryData<string> Formats { get; } = ["jpeg", "png", "webp", "lossless webp", "bmp"];

    [Fact]
    public void Decode_Empty_IsRefused() => Assert.Equal("the image is empty", Decoding.Refused([]));

    [Fact]
    public void Decode_Gif_IsRefusedThoughItIsSound()
    {
        using SkiaSharp.SKBitmap bitmap = SkiaSharp.SKBitmap.Decode(RawFiles.Gif);
        Assert.Equal(1, bitmap.Width);

        Assert.Equal(Unreadable, Decoding.Refused(RawFiles.Gif));
    }

    [Fact]
    public void Decode_Ico_IsRefusedThoughItIsSound()
    {
        byte[] file = RawFiles.Ico(RawFiles.Png(1, 1, RawFiles.Truecolour, [1, 2, 3]));
        using SkiaSharp.SKBitmap bitmap = SkiaSharp.SKBitmap.Decode(file);
        Assert.Equal(1, bitmap.Width);

        Assert.Equal(Unreadable, Decoding.Refused(file));
    }

    [Theory]
    [InlineData("hello, this is a text and not an image")]
    [InlineData("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"8\" height=\"8\"/>")]
    public void Decode_Text_IsRefused(string text) => Assert.Equal(Unreadable, Decoding.Refused(System.Text.Encoding.UTF8.GetBytes(text)));

    [Theory]
    [MemberData(nameof(Formats))]
    public void Decode_CutAnywhere_IsRefusedUntilThePixelsAreComplete(string format)
    {
        byte[] file = Encode(format);
        Assert.True(Decoding.Accepts(file));

        // The last few bytes of a file hold checksums and end marks: pixels may be complete without them.
        for (int length = 0; length < file.Length - 24; length++)
        {
            Decoding.Refused(file[..length]);
        }

        for (int length = file.Length - 24; length < file.Length; length++)
        {
            Decoding.Accepts(file[..length]);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    [InlineData("progressive")]
    public void Decode_CutAnywhere_IsCalledTruncated(string format)
    {
        byte[] file = Encode(format);
        Assert.True(Decoding.Accepts(file));
        for (int length = 8; length < file.Length; length++)
        {
            byte[] cut = file[..length];
            if (length < file.Length - 24 || !Decoding.Accepts(cut))
            {
                Assert.Equal("the image is truncated", Decoding.Refused(cut));
            }
        }
    }

    [Fact]
    public void Decode_DamagedButWhole_IsNotCalledTruncated()
    {
        byte[] file = Encode("png");
        file[file.Length / 2] ^= 1;
        Assert.StartsWith("the image cannot be decoded", Decoding.Refused(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_JpegWithoutItsEndMark_IsRefused()
    {
        byte[] file = Encode("jpeg");
        Assert.Equal([0xFF, 0xD9], file[^2..]);
        Assert.Equal("the image is truncated", Decoding.Refused(file[..^2]));
    }

    [Fact]
    public void Decode_PngThatClaimsManyPixels_IsRefusedNamingTheLimit()
    {
        byte[] bomb = RawFiles.Png(60_000, 60_000, RawFiles.Truecolour, new byte[60_000 * 3]);
        Assert.InRange(bomb.Length, 1, 2000);
        Assert.Equal("the image has 60000×60000 pixels; the limit is 16777216 in all", Decoding.Refused(bomb));
    }

    [Fact]
    public void Decode_JpegThatClaimsManyPixels_IsRefusedNamingTheLimit() =>
        Assert.Equal("the image has 65500×65499 pixels; the limit is 16777216 in all", Decoding.Refused(RawFiles.JpegOfSize(Sample.Jpeg(), 65_500, 65_499)));

    [Theory]
    [InlineData(60_000)]
    [InlineData(-60_000)]
    public void Decode_BmpThatClaimsManyPixels_IsRefusedNamingTheLimit(int height) =>
        Assert.Equal(
            "the image has 60000×60000 pixels; the limit is 16777216 in all",
            Decoding.Refused([.. RawFiles.BmpHeader(60_000, height, 100), .. new byte[100]]));

    [Fact]
    public void Decode_AsManyPixelsAsTheLimit_IsAccepted()
    {
        byte[] file = Sample.Png();
        Assert.True(Decoding.Accepts(file, new ImageLimits { MaxPixels = 24 * 20 }));
        Assert.Equal("the image has 24×20 pixels; the limit is 479 in all", Decoding.Refused(file, new ImageLimits { MaxPixels = (24 * 20) - 1 }));
    }

    [Fact]
    public void Decode_AsManyBytesAsTheLimit_IsAccepted()
    {
        byte[] file = Sample.Png();
        Assert.True(Decoding.Accepts(file, new ImageLimits { MaxBytes = file.Length }));
        Assert.Equal(
            $"the image has {file.Length} bytes; the limit is {file.Length - 1}",
            Decoding.Refused(file, new ImageLimits { MaxBytes = file.Length - 1 }));
    }

    [Fact]
    public void Decode_OverTheDefaultBytes_IsRefusedNamingTheLimit() =>
        Assert.Equal("the image has 8388609 bytes; the limit is 8388608", Decoding.Refused(new byte[(8 * 1024 * 1024) + 1]));

    [Theory]
    [InlineData(8, 8, 0)]
    [InlineData(8, 8, 191)]
    [InlineData(8, 8, 193)]
    [InlineData(65_536, 65_536, 0)]
    public void Decode_DestinationOfAnotherLength_Throws(int width, int height, int length) =>
        Assert.Throws<ArgumentException>("destination", () => ImageDecoder.Decode(Sample.Png(), width, height, ImageLimits.Default, new byte[length]));

    [Theory]
    [InlineData(0, 8, "width")]
    [InlineData(-1, -1, "width")]
    [InlineData(8, 0, "height")]
    public void Decode_SideBelowOne_Throws(int width, int height, string parameter) => Assert.Throws<ArgumentOutOfRangeException>(
        parameter, () => ImageDecoder.Decode(Sample.Png(), width, height, ImageLimits.Default, new byte[Math.Max(0, width * height * 3)]));

    [Fact]
    public void Decode_NoLimits_Throws() =>
        Assert.Throws<ArgumentNullException>("limits", () => ImageDecoder.Decode(Sample.Png(), 8, 8, null!, new byte[192]));

    private static byte[] Encode(string format) => format switch
    {
        "jpeg" => Sample.Jpeg(),
        "progressive" => RawFiles.ProgressiveJpeg,
        "png" => Sample.Png(),
        "webp" => Sample.Webp(),
        "lossless webp" => Sample.WebpLossless(),
        "bmp" => Sample.Bmp(),
        _ => throw new ArgumentException(format, nameof(format)),
    };
}
