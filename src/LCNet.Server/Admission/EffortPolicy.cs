using LCNet.Bundles;
using LCNet.Server.Inference;

namespace LCNet.Server.Admission;

/// <summary>
/// The effort of requests that leave it to the server: the default or, where there is a brownout, what that makes of it; never below the floor. A timer alone steps the brownout, so to read the effort changes nothing. Thread-safe.
/// </summary>
internal sealed class EffortPolicy : IDisposable
{
    private readonly EffortCurve _curve;
    private readonly double _default;
    private readonly Brownout? _brownout;
    private readonly ITimer? _steps;
    private double _withoutBrownout;

    /// <summary>Makes a policy at the default effort.</summary>
    /// <param name="queue">Its delay drives the brownout, and it is told what images cost meanwhile.</param>
    /// <param name="options">The range; null for no brownout.</param>
    /// <param name="defaultEffort">In (0, 1].</param>
    public EffortPolicy(EffortCurve curve, AdmissionQueue queue, BrownoutOptions? options, double defaultEffort, TimeProvider time)
    {
        (_curve, _default, _withoutBrownout) = (curve, defaultEffort, defaultEffort);
        if (options is null)
        {
            return;
        }

        var brownout = new Brownout(curve, options, time);
        _brownout = brownout;

        // Often enough that an objective's worth of waiting is met in many small steps, and no more than a thousand times a second.
        var period = TimeSpan.FromMilliseconds(Math.Clamp(options.Objective.TotalMilliseconds / 50, 1, 100));
        _steps = time.CreateTimer(_ => queue.ElasticFlops = (long)curve.FlopsFor(brownout.Observe(queue.ExpectedDelay)), null, period, period);
    }

    /// <summary>The effort in force.</summary>
    public double Current => _brownout?.Effort ?? Volatile.Read(ref _withoutBrownout);

    /// <summary>Sets the least effort, which is none at the beginning; a brownout gives up no more than is left above it.</summary>
    /// <param name="floor">In [0, 1].</param>
    public void SetFloor(double floor)
    {
        if (_brownout is null)
        {
            Volatile.Write(ref _withoutBrownout, Math.Max(_default, floor));
        }
        else
        {
            _brownout.SetFloor(floor);
        }
    }

    /// <summary>What an image is expected to cost if it ran now, in FLOPs.</summary>
    public long PlannedFlops(ComputeBudget budget) => Math.Min(budget.MaxFlops, (long)_curve.FlopsFor(Resolve(budget).Effort));

    /// <summary>The budget of an image whose turn has come: one that the caller left to the server gets the effort in force.</summary>
    public ComputeBudget Resolve(ComputeBudget budget) => budget.IsDefault ? new ComputeBudget(Current, budget.MaxFlops) : budget;

    /// <inheritdoc/>
    public void Dispose() => _steps?.Dispose();
}
