using LCNet.Bundles;

namespace LCNet.Server.Shadows;

/// <summary>What the shadow runs of one model have found: agreement of the last hour, whether it has drifted from the calibration table, and the floor of effort that follows where one is asked for. Thread-safe.</summary>
internal sealed class LiveAgreement
{
    private readonly Lock _lock = new();
    private readonly EffortCurve _efforts;
    private readonly TimeProvider _time;
    private readonly AgreementWindow _window = new();
    private readonly DriftTest _drift = new();
    private readonly EffortFloor? _floor;

    /// <summary>Makes one that has seen nothing.</summary>
    /// <param name="efforts">Of the same table.</param>
    /// <param name="table">The calibration table.</param>
    /// <param name="minAgreement">In (0, 1); null for no floor. Without meaning where the table has no agreements.</param>
    public LiveAgreement(EffortCurve efforts, IReadOnlyList<CalibrationPoint> table, double? minAgreement, TimeProvider time)
    {
        (_efforts, _time) = (efforts, time);
        if (minAgreement is double least && _efforts.AgreementImages > 0)
        {
            _floor = new EffortFloor(table, least);
            FirstFloor = new FloorChange(0, _floor.Effort, _floor.Ratio, _floor.DisagreementBound, _floor.IsOutOfReach);
        }
    }

    /// <summary>Where the table alone has put the floor of effort; null where there is none.</summary>
    public FloorChange? FirstFloor { get; }

    /// <summary>The last hour.</summary>
    public AgreementEstimate LastHour
    {
        get
        {
            lock (_lock)
            {
                return _window.Read(Minute());
            }
        }
    }

    /// <summary>The sum of <see cref="DriftTest"/>; null where the table has no agreements.</summary>
    public double? Drift
    {
        get
        {
            lock (_lock)
            {
                return _efforts.AgreementImages > 0 ? _drift.Sum : null;
            }
        }
    }

    /// <summary>The floor of effort; null where there is none.</summary>
    public double? Floor
    {
        get
        {
            lock (_lock)
            {
                return _floor?.Effort;
            }
        }
    }

    /// <summary>Takes in an image.</summary>
    /// <param name="effort">That it was answered at, in (0, 1].</param>
    /// <param name="isCapped">Whether its FLOPs had a cap, of which the table says nothing.</param>
    /// <returns>How the floor of effort has changed; null where it has not.</returns>
    public FloorChange? Add(bool agrees, double effort, bool isCapped)
    {
        lock (_lock)
        {
            double? expected = isCapped ? null : _efforts.AgreementFor(effort);
            _window.Add(Minute(), agrees, expected);
            if (expected is not double share)
            {
                return null;
            }

            _drift.Add(agrees, share, _efforts.AgreementImages);
            double? before = _floor?.Effort;
            return _floor?.Add(agrees, share) == true ? new FloorChange(before!.Value, _floor.Effort, _floor.Ratio, _floor.DisagreementBound, _floor.IsOutOfReach) : null;
        }
    }

    private long Minute() => (long)_time.GetElapsedTime(0, _time.GetTimestamp()).TotalMinutes;
}

/// <summary>A change of the floor of effort, and why.</summary>
/// <param name="Before">The floor until now.</param>
/// <param name="After">The floor from now on.</param>
/// <param name="Ratio">How many times as often answers disagree as the table says.</param>
/// <param name="DisagreementBound">Upper bound of disagreement at the new floor, 95 %.</param>
/// <param name="IsOutOfReach">Whether no effort of the table agrees as often as is asked for.</param>
internal sealed record FloorChange(double Before, double After, double Ratio, double DisagreementBound, bool IsOutOfReach)
{
    /// <summary>What a line of the log ends in.</summary>
    public string Remark => IsOutOfReach ? "; no effort of the table is enough" : string.Empty;
}
