namespace LCNet.Bundles;

/// <summary>The measured relation of effort and mean planned FLOPs, linear between its points. Immutable and thread-safe.</summary>
public sealed class EffortCurve
{
    private readonly IReadOnlyList<CalibrationPoint> _points;

    /// <summary>Wraps a verified calibration table: ascending efforts that end at 1, mean FLOPs that never fall.</summary>
    public EffortCurve(IReadOnlyList<CalibrationPoint> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfZero(points.Count, nameof(points));
        _points = points;
    }

    /// <summary>The lowest calibrated effort; below it nothing was measured.</summary>
    public double LeastEffort => _points[0].Effort;

    /// <summary>Mean planned FLOPs of an image at an effort; below the lowest calibrated effort those of that one.</summary>
    /// <param name="effort">In (0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The effort is out of range.</exception>
    public double FlopsFor(double effort)
    {
        if (!(effort > 0 && effort <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(effort), effort, "Effort lies in (0, 1].");
        }

        return Interpolate(effort, point => point.Effort, point => point.MeanFlops);
    }

    /// <summary>The largest effort whose mean, interpolated, fits under a cap; the lowest calibrated one where even that does not.</summary>
    /// <param name="flops">Most FLOPs for an image.</param>
    public double EffortFor(long flops) => Interpolate(flops, point => point.MeanFlops, point => point.Effort);

    // Of points of equal x the last one counts. Neither function captures anything, so none is allocated.
    private double Interpolate(double at, Func<CalibrationPoint, double> x, Func<CalibrationPoint, double> y)
    {
        int above = 0;
        while (above < _points.Count && x(_points[above]) <= at)
        {
            above++;
        }

        if (above == 0 || above == _points.Count)
        {
            return y(_points[Math.Max(0, above - 1)]);
        }

        CalibrationPoint low = _points[above - 1];
        CalibrationPoint high = _points[above];
        return y(low) + ((y(high) - y(low)) * (at - x(low)) / (x(high) - x(low)));
    }
}
