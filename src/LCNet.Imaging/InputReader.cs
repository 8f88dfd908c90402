namespace LCNet.Imaging;

/// <summary>
/// The one way from an image file to a network's input: decoded, turned upright, scaled, cropped and normalised. It keeps a buffer, so that nothing is allocated for each image but what
/// the decoder takes. Not thread-safe.
/// </summary>
/// <param name="width">Width of the network's input in pixels.</param>
/// <param name="mean">Three means in units of [0, 1].</param>
/// <param name="std">Three standard deviations, above 0.</param>
public sealed class InputReader(int width, int height, IReadOnlyList<float> mean, IReadOnlyList<float> std, ImageLimits limits)
{
    private readonly byte[] _rgb = new byte[3 * width * height];

    /// <summary>Reads a file.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <param name="planes">Takes 3 × height × width values.</param>
    /// <exception cref="ImageFormatException">Not a readable image, or over a limit.</exception>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    public void Read(ReadOnlySpan<byte> encoded, Span<float> planes)
    {
        ImageDecoder.Decode(encoded, width, height, limits, _rgb);
        Pixels.Normalise(_rgb, mean, std, planes);
    }
}
