namespace LCNet.Bundles;

/// <summary>The measured relation of effort and mean planned FLOPs, linear between its points. Immutable and thread-safe.</summary>
public sealed class EffortCurve
{
    private readonly LinearCurve _flops;
    private readonly LinearCurve _efforts;
    private readonly LinearCurve? _agreements;

    /// <summary>Wraps a verified calibration table: ascending efforts that end at 1, mean FLOPs that never fall.</summary>
    public EffortCurve(IReadOnlyList<CalibrationPoint> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentOutOfRangeException.ThrowIfZero(points.Count, nameof(points));
        LeastEffort = points[0].Effort;
        _flops = new LinearCurve(points.Select(point => (point.Effort, point.MeanFlops)));
        _efforts = new LinearCurve(points.Select(point => (point.MeanFlops, point.Effort)));
        if (points.All(point => point.Agreement is not null))
        {
            AgreementImages = points.Min(point => point.AgreementImages ?? 0);
            _agreements = new LinearCurve(points.Select(point => (point.Effort, point.Agreement ?? 0)));
        }
    }

    /// <summary>The lowest calibrated effort; below it nothing was measured.</summary>
    public double LeastEffort { get; }

    /// <summary>How many images agreements were measured on; 0 where a point of the table has none.</summary>
    public int AgreementImages { get; }

    /// <summary>Share of images whose most probable class is that of the whole network, at an effort; null where a point of the table has none.</summary>
    /// <param name="effort">In (0, 1]; below the lowest calibrated effort it is that of that one.</param>
    public double? AgreementFor(double effort) => _agreements?.At(effort);

    /// <summary>Mean planned FLOPs of an image at an effort; below the lowest calibrated effort those of that one.</summary>
    /// <param name="effort">In (0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The effort is out of range.</exception>
    public double FlopsFor(double effort)
    {
        if (!(effort > 0 && effort <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(effort), effort, "Effort lies in (0, 1].");
        }

        return _flops.At(effort);
    }

    /// <summary>The largest effort whose mean, interpolated, fits under a cap; the lowest calibrated one where even that does not.</summary>
    /// <param name="flops">Most FLOPs for an image.</param>
    public double EffortFor(long flops) => _efforts.At(flops);
}
