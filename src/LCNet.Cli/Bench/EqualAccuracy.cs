namespace LCNet.Cli.Bench;

/// <summary>Where a network stands beside static ones: what they would need for the same accuracy, by straight lines between them.</summary>
internal static class EqualAccuracy
{
    /// <summary>The cost at which static networks would have an accuracy.</summary>
    /// <returns>The least cost on the lines between neighbours by cost; null where the accuracy is below all of them or above all of them.</returns>
    public static double? CostAt(IEnumerable<(double Cost, double Accuracy)> statics, double accuracy)
    {
        (double Cost, double Accuracy)[] points = [.. statics.OrderBy(point => point.Cost)];
        for (int i = 0; i < points.Length; i++)
        {
            if (points[i].Accuracy >= accuracy)
            {
                if (i == 0)
                {
                    return points[0].Accuracy == accuracy ? points[0].Cost : null;
                }

                (double lowCost, double low) = points[i - 1];
                (double highCost, double high) = points[i];
                return lowCost + ((highCost - lowCost) * (accuracy - low) / (high - low));
            }
        }

        return null;
    }
}
