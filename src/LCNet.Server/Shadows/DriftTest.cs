namespace LCNet.Server.Shadows;

/// <summary>
/// Tells whether answers disagree with the whole network more often than the calibration table says: a cumulative sum (CUSUM) of log-likelihood ratios, one step an image. Not thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// The test of E. S. Page, "Continuous inspection schemes" (Biometrika 1954): <c>S ← max(0, S + ln(p₁(x) / p₀(x)))</c>. Of all tests that alarm as seldom on traffic that has not changed it has the shortest delay after a change in the worst
/// case (G. Moustakides, Annals of Statistics 1986), and between false alarms lie at least <c>exp(S)</c> images in the mean (G. Lorden, Annals of Mathematical Statistics 1971). A threshold on a rate would have to wait for a window full of rare events,
/// and would be tested anew at each look.
/// </para>
/// <para>
/// Each image is compared with the table at its own effort: p₀ is the table's disagreement and a standard error of it, p₁ has twice its odds.
/// </para>
/// </remarks>
internal sealed class DriftTest
{
    /// <summary>Above this traffic has changed: a false alarm in 100,000 shadow runs or fewer, ln 100,000.</summary>
    public const double Alarm = 11.5;

    // Of what is rarer nobody needs to be told.
    private const double LeastDisagreement = 0.002;
    private const double OddsRatio = 2;

    // So that it comes down again once answers agree as before.
    private const double Most = 2 * Alarm;

    /// <summary>The sum, 0 to twice <see cref="Alarm"/>.</summary>
    public double Sum { get; private set; }

    /// <summary>Takes in an image.</summary>
    /// <param name="expected">Agreement by the table, in [0, 1].</param>
    /// <param name="images">That the table was measured on, at least 1.</param>
    public void Add(bool agrees, double expected, int images)
    {
        double table = Math.Max(1 - expected, 1.0 / images);
        double p0 = Math.Clamp(table + Math.Sqrt(table * (1 - table) / images), LeastDisagreement, 0.5);
        double odds = OddsRatio * p0 / (1 - p0);
        double p1 = odds / (1 + odds);
        Sum = Math.Clamp(Sum + (agrees ? Math.Log((1 - p1) / (1 - p0)) : Math.Log(p1 / p0)), 0, Most);
    }
}
