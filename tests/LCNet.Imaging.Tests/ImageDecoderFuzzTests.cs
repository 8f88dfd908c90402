namespace LCNet.Imaging.Tests;

public class ImageDecoderFuzzTests
{
    // Small, so that a header which lies does not make the test slow.
    private static readonly ImageLimits Limits = new() { MaxPixels = 1 << 14 };

    // Beginnings that lead into each decoder.
    private static readonly byte[][] Beginnings =
    [
        [],
        [0xFF, 0xD8, 0xFF, 0xE0],
        [0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0],
        RawFiles.Png(9, 9, RawFiles.Truecolour)[..33],
        [.. "RIFF"u8, 200, 0, 0, 0, .. "WEBPVP8 "u8],
        [.. "RIFF"u8, 200, 0, 0, 0, .. "WEBPVP8L"u8],
        [.. "RIFF"u8, 200, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0],
        RawFiles.BmpHeader(9, 9, 252),
        RawFiles.BmpHeader(9, 9, 252)[..14],
        [.. "BM"u8],
        [.. "GIF89a"u8],
        [0, 0, 1, 0, 1, 0],
    ];

    [Fact]
    public void Decode_RandomBytes_AreRefusedOrDecodedAndNothingElse() =>
        Gen.Select(Gen.Int[0, Beginnings.Length - 1], Gen.Byte.Array[0, 300]).Sample(
            (beginning, rest) =>
            {
                Decoding.Accepts([.. Beginnings[beginning], .. rest], Limits);
            },
            iter: 4000);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Decode_DamagedFile_IsRefusedOrDecodedAndNothingElse(int format)
    {
        Picture picture = Picture.Noise(17, 13, 9);
        byte[] good = new[] { picture.Jpeg(), picture.Png(), picture.Webp(), picture.WebpLossless(), picture.Bmp() }[format];
        int accepted = 0;
        int refused = 0;
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Array[1, 6].Sample(
            changes =>
            {
                byte[] bad = [.. good];
                foreach ((int position, byte value) in changes)
                {
                    bad[position] = value;
                }

                Interlocked.Increment(ref Decoding.Accepts(bad, Limits) ? ref accepted : ref refused);
            },
            iter: 600);

        // Were all of one kind, the damage would not have reached the decoder, or never got past its first check.
        Assert.True(accepted > 0 || format == 1, "PNG has checksums; every other format lets some damage pass.");
        Assert.True(refused > 0);
    }

    [Fact]
    public void Decode_DamagedHeader_IsRefusedOrDecodedAndNothingElse()
    {
        Picture picture = Picture.Noise(17, 13, 9);
        foreach (byte[] good in new[] { picture.Jpeg(), picture.Png(), picture.Webp(), picture.WebpLossless(), picture.Bmp() })
        {
            for (int position = 0; position < 60; position++)
            {
                foreach (byte value in new byte[] { 0, 1, 0x7F, 0x80, 0xFF })
                {
                    byte[] bad = [.. good];
                    bad[position] = value;
                    Decoding.Accepts(bad, Limits);
                }
            }
        }
    }
}
