namespace LCNet.Cli.Bench;

/// <summary>What is said of a set of measurements.</summary>
internal static class Statistics
{
    /// <summary>The middle value; the mean of the middle two of an even number.</summary>
    public static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>Pearson's correlation; not a number where one side does not vary.</summary>
    public static double Correlation(double[] left, double[] right)
    {
        (double leftMean, double rightMean) = (left.Average(), right.Average());
        double product = left.Zip(right, (x, y) => (x - leftMean) * (y - rightMean)).Sum();
        return product / Math.Sqrt(left.Sum(x => Math.Pow(x - leftMean, 2)) * right.Sum(y => Math.Pow(y - rightMean, 2)));
    }
}
