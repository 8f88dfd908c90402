using LCNet.Bundles;

namespace LCNet.Server.UnitTests;

/// <summary>One server, requests at random moments, and a controller that says what each costs once its turn has come.</summary>
/// <param name="controller">Decides.</param>
/// <param name="curve">What an effort costs.</param>
/// <param name="time">Of the controller.</param>
/// <param name="requestsPerObjective">Mean number of requests that come in one objective.</param>
/// <param name="load">What comes at effort 1 over what the server gets done.</param>
/// <param name="objective">Of the controller.</param>
internal sealed class SimulatedQueue(
    Brownout controller, EffortCurve curve, ManualTime time, double requestsPerObjective, double load, TimeSpan objective)
{
    private readonly Random _random = new(7);
    private readonly Queue<double> _waiting = new();
    private double _now;
    private double _next;

    /// <summary>Runs for a time.</summary>
    /// <param name="objectives">How long.</param>
    /// <returns>Of each request that ran, how long it waited, in objectives, and what it cost in FLOPs.</returns>
    public List<(double Delay, double Flops)> Run(int objectives)
    {
        var ran = new List<(double, double)>();
        double full = curve.FlopsFor(1);

        // Seconds of everything are counted in objectives.
        double speed = full * requestsPerObjective / load;
        double end = _now + objectives;
        while (_now < end)
        {
            if (_waiting.Count == 0)
            {
                Move(Math.Max(_now, _next));
            }

            while (_next <= _now)
            {
                // What waits counts at the cost that it had when it came.
                _waiting.Enqueue(_next);
                _next += -Math.Log(1 - _random.NextDouble()) / requestsPerObjective;
            }

            double came = _waiting.Dequeue();
            double effort = controller.Observe(_waiting.Count * curve.FlopsFor(controller.Effort) / speed * objective);
            double flops = curve.FlopsFor(effort);
            ran.Add((_now - came, flops));

            // Images differ: half to one and a half times the mean.
            Move(_now + (flops * (0.5 + _random.NextDouble()) / speed));
        }

        return ran;
    }

    private void Move(double to)
    {
        time.Advance((to - _now) * objective);
        _now = to;
    }
}
