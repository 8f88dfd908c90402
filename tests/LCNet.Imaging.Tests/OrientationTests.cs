namespace LCNet.Imaging.Tests;

/// <summary>Images that are stored rotated or mirrored, with an orientation that says how.</summary>
public class OrientationTests
{
    // By TIFF 6.0 and EXIF 2.3: where the first row and the first column of what is stored lie in what is seen.
    private static readonly (string Row, string Column)[] Sides =
        [("top", "left"), ("top", "right"), ("bottom", "right"), ("bottom", "left"), ("left", "top"), ("right", "top"), ("right", "bottom"), ("left", "bottom")];

    public static TheoryData<string, int, bool> Cases { get; } =
        [.. from format in new[] { "jpeg", "png", "webp" } from orientation in Enumerable.Range(1, 8) from bigEndian in new[] { true, false } select (format, orientation, bigEndian)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decode_StoredTurned_IsSeenUpright(string format, int orientation, bool bigEndian)
    {
        Picture seen = Picture.Ramp(24, 16);
        byte[] file = With(format, Stored(seen, orientation), RawFiles.Exif((ushort)orientation, bigEndian));

        Decoding.AssertClose(seen.Rgb, Decoding.Decode(file, 24, 16), format == "jpeg" ? 16 : 0);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decode_StoredTurnedAndScaled_IsWhatTheUprightImageGives(string format, int orientation, bool bigEndian)
    {
        Picture seen = Picture.Ramp(60, 44);
        byte[] file = With(format, Stored(seen, orientation), RawFiles.Exif((ushort)orientation, bigEndian));

        Decoding.AssertClose(Decoding.Decode(seen.Png(), 20, 28), Decoding.Decode(file, 20, 28), format == "jpeg" ? 16 : 3);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(65535)]
    public void Decode_OrientationThatThereIsNot_IsAsStored(int orientation)
    {
        Picture picture = Picture.Noise(9, 7, 3);
        foreach (string format in new[] { "png", "webp" })
        {
            Assert.Equal(picture.Rgb, Decoding.Decode(With(format, picture, RawFiles.Exif((ushort)orientation, true)), 9, 7));
        }
    }

    [Fact]
    public void Decode_ExifCutShort_IsAsStored()
    {
        Picture picture = Picture.Noise(9, 7, 3);
        byte[] exif = RawFiles.Exif(6, false);
        for (int length = 0; length < exif.Length - 8; length++)
        {
            byte[] rgb = Decoding.Decode(With("png", picture, exif[..length]), 9, 7);
            Assert.Equal(9 * 7 * 3, rgb.Length);
        }
    }

    private static byte[] With(string format, Picture picture, byte[] exif) => format switch
    {
        "jpeg" => RawFiles.JpegWith(picture.Jpeg(100), exif),
        "png" => RawFiles.PngWith(picture.Png(), exif),
        _ => RawFiles.WebpWith(picture.WebpLossless(), picture.Width, picture.Height, exif),
    };

    private static Picture Stored(Picture seen, int orientation)
    {
        (string rowSide, string columnSide) = Sides[orientation - 1];
        bool isTurned = rowSide is "left" or "right";
        (int width, int height) = isTurned ? (seen.Height, seen.Width) : (seen.Width, seen.Height);
        byte[] rgb = new byte[seen.Rgb.Length];
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
            {
                (int x, int y) = (0, 0);
                Place(rowSide, row, seen, ref x, ref y);
                Place(columnSide, column, seen, ref x, ref y);
                for (int plane = 0; plane < 3; plane++)
                {
                    rgb[(((row * width) + column) * 3) + plane] = seen.At(x, y, plane);
                }
            }
        }

        return new Picture(width, height, rgb);
    }

    private static void Place(string side, int distance, Picture seen, ref int x, ref int y)
    {
        switch (side)
        {
            case "top":
                y = distance;
                break;
            case "bottom":
                y = seen.Height - 1 - distance;
                break;
            case "left":
                x = distance;
                break;
            default:
                x = seen.Width - 1 - distance;
                break;
        }
    }
}
