using LCNet.Training.Data;

namespace LCNet.Training.Tests.Synthetic;

/// <summary>Small images made up by a seed.</summary>
internal static class RandomImages
{
    public static IReadOnlyList<string> Classes { get; } = ["rows", "columns", "plain"];

    /// <summary>Images that differ in colour, contrast and direction, so that gates have something to tell apart. Labels take turns.</summary>
    public static ImageSet Make(int count, int size, int seed)
    {
        var random = new Random(seed);
        byte[] pixels = new byte[count * size * size * 3];
        for (int i = 0; i < count; i++)
        {
            Span<byte> image = pixels.AsSpan(i * size * size * 3, size * size * 3);
            int noise = random.Next(10, 80);
            for (int c = 0; c < 3; c++)
            {
                int colour = random.Next(256);
                double slopeX = (random.NextDouble() - 0.5) * 300 / size;
                double slopeY = (random.NextDouble() - 0.5) * 300 / size;
                for (int p = 0; p < size * size; p++)
                {
                    double value = colour + (slopeX * ((p % size) - (size / 2))) + (slopeY * ((p / size) - (size / 2))) + random.Next(-noise, noise);
                    image[(p * 3) + c] = (byte)Math.Clamp(value, 0, 255);
                }
            }
        }

        return new ImageSet(pixels, [.. Enumerable.Range(0, count).Select(i => i % Classes.Count)], size, Classes);
    }

    /// <summary>
    /// Images of three kinds that a small network soon tells apart: stripes along rows, along columns, and none. Colour and contrast differ
    /// from image to image. Labels take turns.
    /// </summary>
    public static ImageSet Stripes(int count, int size, int seed)
    {
        var random = new Random(seed);
        byte[] pixels = new byte[count * size * size * 3];
        for (int i = 0; i < count; i++)
        {
            Span<byte> image = pixels.AsSpan(i * size * size * 3, size * size * 3);
            int contrast = random.Next(60, 140);
            int[] colour = [random.Next(80), random.Next(80), random.Next(80)];
            for (int p = 0; p < image.Length; p++)
            {
                int line = (i % 3) switch { 0 => p / (size * 3) % 2, 1 => p / 3 % size % 2, _ => random.Next(2) };
                image[p] = (byte)(colour[p % 3] + (contrast * line) + random.Next(35));
            }
        }

        return new ImageSet(pixels, [.. Enumerable.Range(0, count).Select(i => i % Classes.Count)], size, Classes);
    }
}
