namespace LCNet.Bundles;

/// <summary>The price of compute as a function of effort, linear between the points of a manifest. Immutable and thread-safe; it allocates nothing when asked.</summary>
public sealed class PriceCurve
{
    private readonly LinearCurve _prices;

    /// <summary>Wraps points of ascending efforts.</summary>
    public PriceCurve(IReadOnlyList<EffortPrice> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfZero(points.Count, nameof(points));
        _prices = new LinearCurve(points.Select(point => (point.Effort, point.Price)));
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

        return _prices.At(effort);
    }
}
