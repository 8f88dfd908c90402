using LCNet.Imaging;

namespace LCNet.Training.Data;

/// <summary>Random parts of photos, in changed colours; see <see cref="Augmentation.MinCropArea"/> and <see cref="Augmentation.ColourJitter"/>.</summary>
internal static class PhotoAugmentation
{
    private const double MaxRatio = 4.0 / 3;
    private const int Tries = 10;

    // What red, green and blue add to brightness (ITU-R BT.601), and the grey that contrast is about.
    private static readonly double[] Luma = [0.299, 0.587, 0.114];
    private const double Grey = 0.5;

    /// <summary>Draws a photo as a network is to see it.</summary>
    /// <param name="mirror">Whether left and right change places.</param>
    /// <param name="rgb">Takes size × size × 3 bytes.</param>
    public static void Draw(RgbImage photo, Augmentation augmentation, bool mirror, int size, Random random, Span<byte> rgb)
    {
        (double left, double top, double width, double height) = Choose(photo.Width, photo.Height, augmentation.MinCropArea, random);
        float[]? colours = augmentation.ColourJitter > 0 ? Colours(augmentation.ColourJitter, random) : null;
        ResizedCrop.Draw(photo, (float)left, (float)top, (float)width, (float)height, mirror, colours, size, rgb);
    }

    /// <summary>A random rectangle within an image.</summary>
    internal static (double Left, double Top, double Width, double Height) Choose(int width, int height, double minArea, Random random)
    {
        for (int i = 0; i < Tries; i++)
        {
            double area = (minArea + ((1 - minArea) * random.NextDouble())) * width * height;
            double ratio = Math.Pow(MaxRatio, (2 * random.NextDouble()) - 1);
            (double w, double h) = (Math.Sqrt(area * ratio), Math.Sqrt(area / ratio));
            if (w <= width && h <= height)
            {
                return (random.NextDouble() * (width - w), random.NextDouble() * (height - h), w, h);
            }
        }

        // An image that is longer than that: its middle.
        (double widest, double highest) = (Math.Min(width, height * MaxRatio), Math.Min(height, width * MaxRatio));
        return ((width - widest) / 2, (height - highest) / 2, widest, highest);
    }

    // Brightness: b · x. Contrast: c · (x − grey) + grey. Saturation: s · x + (1 − s) · luma. One after the other they are one linear map.
    private static float[] Colours(double jitter, Random random)
    {
        double Factor() => 1 + (jitter * ((2 * random.NextDouble()) - 1));
        double linear = Factor();
        double contrast = Factor();
        double saturation = Factor();
        linear *= contrast;
        float term = (float)(Grey * (1 - contrast));
        float[] matrix = new float[20];
        for (int row = 0; row < 3; row++)
        {
            for (int column = 0; column < 3; column++)
            {
                matrix[(row * 5) + column] = (float)(linear * (((1 - saturation) * Luma[column]) + (row == column ? saturation : 0)));
            }

            matrix[(row * 5) + 4] = term;
        }

        matrix[18] = 1;
        return matrix;
    }
}
