using LCNet.Bundles;

namespace LCNet.Runtime.Engine;

/// <summary>Images of random pixels, where there are no others: for measuring, and for trying a device. Thread-safe.</summary>
public static class RandomImage
{
    /// <summary>An image of random pixels that differ in mean and contrast from image to image, so that gates have something to tell them apart by.</summary>
    /// <param name="input">What the network takes.</param>
    /// <param name="random">Source of the pixels.</param>
    /// <returns>3 × height × width normalised values.</returns>
    public static float[] Make(InputSpec input, Random random)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(random);
        float[] values = new float[input.Length];
        int plane = input.Width * input.Height;
        for (int colour = 0; colour < 3; colour++)
        {
            float mean = (2 * random.NextSingle()) - 1;
            float contrast = random.NextSingle();
            for (int i = 0; i < plane; i++)
            {
                values[(colour * plane) + i] = mean + (contrast * ((2 * random.NextSingle()) - 1));
            }
        }

        return values;
    }
}
