namespace LCNet.Server.Shadows;

/// <summary>What shadow runs found in the last hour, to the minute. Not thread-safe.</summary>
internal sealed class AgreementWindow
{
    private const int Minutes = 60;
    private readonly Minute[] _minutes = new Minute[Minutes];

    /// <summary>Takes in an image.</summary>
    /// <param name="minute">Now, in minutes since an arbitrary moment.</param>
    /// <param name="expected">Agreement by the calibration table; null where it does not say.</param>
    public void Add(long minute, bool agrees, double? expected)
    {
        ref Minute place = ref _minutes[minute % Minutes];
        if (place.Number != minute)
        {
            place = new Minute { Number = minute };
        }

        place.Images++;
        place.Agreements += agrees ? 1 : 0;
        if (expected is double share)
        {
            place.Compared++;
            place.Expected += share;
        }
    }

    /// <summary>The last hour.</summary>
    /// <param name="minute">Now, as above.</param>
    public AgreementEstimate Read(long minute)
    {
        (long images, long agreements, long compared, double expected) = (0, 0, 0, 0);
        foreach (Minute place in _minutes)
        {
            if (place.Images > 0 && minute - place.Number < Minutes)
            {
                images += place.Images;
                agreements += place.Agreements;
                compared += place.Compared;
                expected += place.Expected;
            }
        }

        return new AgreementEstimate(images, agreements, compared > 0 ? expected / compared : null);
    }

    private struct Minute
    {
        public long Number;
        public long Images;
        public long Agreements;
        public long Compared;
        public double Expected;
    }
}

/// <summary>An agreement as it was found on a sample of images.</summary>
/// <param name="Images">Of the sample.</param>
/// <param name="Agreements">Of those, answered as the whole network does.</param>
/// <param name="Expected">By the calibration table at the efforts of those images that had no cap, in [0, 1]; null where it does not say or there are none.</param>
internal readonly record struct AgreementEstimate(long Images, long Agreements, double? Expected)
{
    // Two-sided, 95 %.
    private const double Z = 1.959964;

    /// <summary>The share that agrees; null without an image.</summary>
    public double? Share => Images > 0 ? (double)Agreements / Images : null;

    /// <summary>
    /// The 95 % interval of the share: E. B. Wilson's, "Probable inference, the law of succession, and statistical inference" (JASA 1927), which holds near 0 and 1 too. 0 to 1 without an image.
    /// </summary>
    public (double Low, double High) Interval
    {
        get
        {
            if (Images == 0)
            {
                return (0, 1);
            }

            double share = (double)Agreements / Images;
            double scale = 1 + (Z * Z / Images);
            double centre = (share + (Z * Z / (2 * Images))) / scale;
            double half = Z / scale * Math.Sqrt((share * (1 - share) / Images) + (Z * Z / (4.0 * Images * Images)));
            return (Math.Max(0, centre - half), Math.Min(1, centre + half));
        }
    }
}
