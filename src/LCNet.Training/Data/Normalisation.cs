namespace LCNet.Training.Data;

/// <summary>Per-channel mean and standard deviation of an image set, in units of the pixel range [0, 1], in RGB order.</summary>
/// <param name="Mean">Three means.</param>
/// <param name="Std">Three standard deviations, above 0.</param>
public sealed record Normalisation(IReadOnlyList<float> Mean, IReadOnlyList<float> Std)
{
    /// <summary>Whether all six values are the same.</summary>
    public bool Equals(Normalisation? other) => other is not null && Mean.SequenceEqual(other.Mean) && Std.SequenceEqual(other.Std);

    /// <inheritdoc/>
    public override int GetHashCode() => Mean.Concat(Std).Aggregate(0, HashCode.Combine);

    /// <summary>Measures images.</summary>
    /// <param name="indices">Which of them, at least one; null for all.</param>
    public static Normalisation Of(ImageSet images, IReadOnlyList<int>? indices = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        indices ??= [.. Enumerable.Range(0, images.Count)];
        double[] sum = new double[3];
        double[] square = new double[3];
        foreach (int index in indices)
        {
            ImageSummary summary = images.Summary(index);
            Add(sum, summary.Sums, byte.MaxValue);
            Add(square, summary.Squares, byte.MaxValue * byte.MaxValue);
        }

        double count = (double)indices.Count * images.Size * images.Size;
        float[] mean = [.. sum.Select(s => (float)Math.Round(s / count, 4))];
        float[] std = [.. square.Select((s, c) => (float)Math.Max(1e-3, Math.Round(Math.Sqrt(Math.Max(0, (s / count) - Math.Pow(sum[c] / count, 2))), 4)))];
        return new Normalisation(mean, std);
    }

    private static void Add(double[] total, (long Red, long Green, long Blue) values, double unit)
    {
        total[0] += values.Red / unit;
        total[1] += values.Green / unit;
        total[2] += values.Blue / unit;
    }
}
