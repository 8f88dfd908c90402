using System.Security.Cryptography;

namespace LCNet.Training.Data;

/// <summary>What a split and a normalisation need to know of an image's pixels.</summary>
/// <param name="Sha256">Of the pixels, as upper-case hexadecimal.</param>
/// <param name="Sums">Of the pixels' bytes in red, green and blue.</param>
/// <param name="Squares">Of the squares of those bytes.</param>
internal sealed record ImageSummary(string Sha256, (long Red, long Green, long Blue) Sums, (long Red, long Green, long Blue) Squares)
{
    /// <summary>Sums up an image.</summary>
    /// <param name="rgb">Its pixels, three bytes each.</param>
    public static ImageSummary Of(ReadOnlySpan<byte> rgb)
    {
        (long Red, long Green, long Blue) sums = default;
        (long Red, long Green, long Blue) squares = default;
        for (int i = 0; i + 2 < rgb.Length; i += 3)
        {
            (int red, int green, int blue) = (rgb[i], rgb[i + 1], rgb[i + 2]);
            sums = (sums.Red + red, sums.Green + green, sums.Blue + blue);
            squares = (squares.Red + (red * red), squares.Green + (green * green), squares.Blue + (blue * blue));
        }

        return new ImageSummary(Convert.ToHexString(SHA256.HashData(rgb)), sums, squares);
    }
}
