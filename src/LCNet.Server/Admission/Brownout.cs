using LCNet.Bundles;

namespace LCNet.Server.Admission;

/// <summary>
/// Lowers effort along a model's calibration table as the queueing delay nears its objective, and raises it back. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A proportional-integral controller. The delay is the integral of what arrives over what gets done, so an integral alone would swing for ever; the
/// proportional part damps it. It acts on FLOPs, not on effort, since those are what the queue feels: the same step has the same effect anywhere
/// on the table. Time and delay are measured in objectives, so the same gains serve an objective of 50 ms and one of 5 s.
/// </para>
/// <para>
/// Below <see cref="Target"/> of the objective nothing is given up; the integral, which never leaves the range in which it has an effect, goes back to zero within
/// about <c>1 / (IntegralGain · Target)</c> objectives without load.
/// </para>
/// </remarks>
internal sealed class Brownout
{
    /// <summary>The delay that it steers for, as a share of the objective.</summary>
    public const double Target = 0.4;

    // Critically damped where load is 1.5 times what full effort can serve and the table goes down to half of its FLOPs; better damped at any higher load.
    private const double ProportionalGain = 2;
    private const double IntegralGain = 0.6;

    private readonly Lock _lock = new();
    private readonly EffortCurve _curve;
    private readonly BrownoutOptions _options;
    private readonly TimeProvider _time;
    private double _mostEffort;
    private double _mostFlops;
    private double _range;
    private double _leastEffort;
    private double _integral;
    private double _effort;
    private long _observed;

    /// <summary>Makes a brownout at full effort.</summary>
    /// <param name="options">The range, and the objective.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public Brownout(EffortCurve curve, BrownoutOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(curve);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        CheckEffort(options.Effort);
        CheckEffort(options.LeastEffort);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Objective, TimeSpan.Zero);
        _curve = curve;
        _options = options;
        _time = time;
        SetRange(floor: 0);
        _effort = _mostEffort;
        _observed = time.GetTimestamp();
    }

    /// <summary>The effort in force, as of the latest <see cref="Observe"/>.</summary>
    public double Effort => Volatile.Read(ref _effort);

    /// <summary>Sets the effort below which it does not go whatever its options say, which is none at the beginning.</summary>
    /// <param name="floor">In [0, 1]; above the options' range the range is that effort alone.</param>
    public void SetFloor(double floor)
    {
        lock (_lock)
        {
            SetRange(floor);
            Volatile.Write(ref _effort, Math.Clamp(_effort, _leastEffort, _mostEffort));
        }
    }

    /// <summary>Takes in how long the queue is now, which is taken to have been so since the last time.</summary>
    /// <param name="delay">How long what waits will take, not negative.</param>
    /// <returns>The effort in force from now on.</returns>
    public double Observe(TimeSpan delay)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            double objectives = _time.GetElapsedTime(_observed, now) / _options.Objective;
            _observed = now;
            double error = (delay / _options.Objective) - Target;

            // Where the delay is the target the integral alone is the level, so it needs no more than the level's range; nor does it wind up.
            _integral = Math.Clamp(_integral + (IntegralGain * error * objectives), 0, 1);
            double level = Math.Clamp(_integral + (ProportionalGain * error), 0, 1);
            double effort = level > 0 && _range > 0 ? _curve.EffortFor((long)(_mostFlops - (level * _range))) : _mostEffort;
            Volatile.Write(ref _effort, Math.Clamp(effort, _leastEffort, _mostEffort));
            return _effort;
        }
    }

    private void SetRange(double floor)
    {
        _mostEffort = Math.Max(_options.Effort, floor);
        _leastEffort = Math.Min(_mostEffort, Math.Max(floor, Math.Max(_options.LeastEffort, _curve.LeastEffort)));
        _mostFlops = _curve.FlopsFor(_mostEffort);
        _range = _mostFlops - _curve.FlopsFor(_leastEffort);
    }

    private static void CheckEffort(double effort)
    {
        if (!(effort > 0 && effort <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(effort), effort, "Effort lies in (0, 1].");
        }
    }
}

/// <summary>How effort gives way to load. Immutable.</summary>
internal sealed record BrownoutOptions
{
    /// <summary>Effort while nothing is in the way, in (0, 1].</summary>
    public double Effort { get; init; } = 1;

    /// <summary>Least effort, in (0, 1]; below the lowest effort of the calibration table it is that.</summary>
    public double LeastEffort { get; init; } = double.Epsilon;

    /// <summary>The queueing delay that is not to be passed, above zero. Effort begins to fall at <see cref="Brownout.Target"/> of it.</summary>
    public TimeSpan Objective { get; init; } = TimeSpan.FromSeconds(1);
}
