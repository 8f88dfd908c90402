namespace LCNet.Training.Data;

/// <summary>Per-channel mean and standard deviation of an image set, in units of the pixel range [0, 1], in RGB order.</summary>
/// <param name="Mean">Three means.</param>
/// <param name="Std">Three standard deviations, above 0.</param>
public sealed record Normalisation(IReadOnlyList<float> Mean, IReadOnlyList<float> Std)
{
    /// <summary>Measures a set.</summary>
    public static Normalisation Of(ImageSet images)
    {
        ArgumentNullException.ThrowIfNull(images);
        double[] sum = new double[3];
        double[] square = new double[3];
        for (int i = 0; i < images.Count; i++)
        {
            ReadOnlySpan<byte> pixels = images.Pixels(i);
            for (int p = 0; p < pixels.Length; p++)
            {
                double value = pixels[p] / 255.0;
                sum[p % 3] += value;
                square[p % 3] += value * value;
            }
        }

        double count = (double)images.Count * images.Size * images.Size;
        float[] mean = [.. sum.Select(s => (float)Math.Round(s / count, 4))];
        float[] std = [.. square.Select((s, c) => (float)Math.Max(1e-3, Math.Round(Math.Sqrt(Math.Max(0, (s / count) - Math.Pow(sum[c] / count, 2))), 4)))];
        return new Normalisation(mean, std);
    }
}
