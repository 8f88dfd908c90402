namespace LCNet.Imaging;

/// <summary>From RGB bytes to a network's input.</summary>
public static class Pixels
{
    /// <summary>What normalising does to a byte of one plane: value × scale + offset.</summary>
    /// <param name="mean">In units of [0, 1].</param>
    /// <param name="std">Above 0.</param>
    public static (float Scale, float Offset) Line(float mean, float std) => (1 / (255f * std), -mean / std);

    /// <summary>Normalises an image: (value / 255 − mean) / std, colour plane after colour plane.</summary>
    /// <param name="rgb">Height × width × 3 bytes, row-major, RGB.</param>
    /// <param name="mean">Three means in units of [0, 1].</param>
    /// <param name="std">Three standard deviations, above 0.</param>
    /// <param name="planes">Takes 3 × height × width values.</param>
    /// <exception cref="ArgumentException">The lengths differ, are not whole pixels, or there are not three means and standard deviations.</exception>
    public static void Normalise(ReadOnlySpan<byte> rgb, IReadOnlyList<float> mean, IReadOnlyList<float> std, Span<float> planes)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(std);
        if (rgb.Length != planes.Length || rgb.Length % 3 != 0)
        {
            throw new ArgumentException($"{rgb.Length} bytes do not make {planes.Length} values.", nameof(planes));
        }

        if (mean.Count != 3 || std.Count != 3)
        {
            throw new ArgumentException($"{mean.Count} means and {std.Count} standard deviations for 3 planes.", mean.Count != 3 ? nameof(mean) : nameof(std));
        }

        int pixels = rgb.Length / 3;
        for (int plane = 0; plane < 3; plane++)
        {
            (float scale, float offset) = Line(mean[plane], std[plane]);
            Span<float> row = planes.Slice(plane * pixels, pixels);
            for (int i = 0; i < pixels; i++)
            {
                row[i] = (rgb[(i * 3) + plane] * scale) + offset;
            }
        }
    }
}
