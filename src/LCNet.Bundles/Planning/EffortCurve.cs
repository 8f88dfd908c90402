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

        int above = 0;
        while (above < _points.Count && _points[above].Effort < effort)
        {
            above++;
        }

        if (above == 0 || above == _points.Count)
        {
            return _points[Math.Max(0, above - 1)].MeanFlops;
        }

        CalibrationPoint low = _points[above - 1];
        CalibrationPoint high = _points[above];
        return low.MeanFlops + ((high.MeanFlops - low.MeanFlops) * (effort - low.Effort) / (high.Effort - low.Effort));
    }

    /// <summary>The largest calibrated effort whose mean fits under a cap; the lowest one where even that does not.</summary>
    /// <param name="flops">Most FLOPs for an image.</param>
    public double EffortFor(long flops)
    {
        int above = 0;
        while (above < _points.Count && _points[above].MeanFlops <= flops)
        {
            above++;
        }

        if (above == 0 || above == _points.Count)
        {
            return _points[Math.Max(0, above - 1)].Effort;
        }

        CalibrationPoint low = _points[above - 1];
        CalibrationPoint high = _points[above];
        return low.Effort + ((high.Effort - low.Effort) * (flops - low.MeanFlops) / (high.MeanFlops - low.MeanFlops));
    }
}
