namespace LCNet.Bundles;

/// <summary>The price of compute as a function of effort, linear between the points of a manifest. Immutable and thread-safe; it allocates nothing when asked.</summary>
public sealed class PriceCurve
{
    private readonly double[] _efforts;
    private readonly double[] _prices;

    /// <summary>Wraps points of ascending efforts.</summary>
    public PriceCurve(IReadOnlyList<EffortPrice> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfZero(points.Count, nameof(points));
        _efforts = [.. points.Select(point => point.Effort)];
        _prices = [.. points.Select(point => point.Price)];
    }

    /// <summary>The price at an effort; below the first point that of the first, above the last that of the last.</summary>
    /// <param name="effort">In (0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The effort is out of range.</exception>
    public double PriceFor(double effort)
    {
        if (!(effort > 0 && effort <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(effort), effort, "Effort lies in (0, 1].");
        }

        int above = 0;
        while (above < _efforts.Length && _efforts[above] < effort)
        {
            above++;
        }

        if (above == 0 || above == _efforts.Length)
        {
            return _prices[Math.Min(above, _prices.Length - 1)];
        }

        double along = (effort - _efforts[above - 1]) / (_efforts[above] - _efforts[above - 1]);
        return _prices[above - 1] + ((_prices[above] - _prices[above - 1]) * along);
    }
}
