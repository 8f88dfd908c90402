namespace LCNet.Cli.Load;

/// <summary>What became of one request.</summary>
/// <param name="Due">When it was to be sent, in seconds since the run began.</param>
/// <param name="Lag">How much later it was sent, in seconds: the generator's own doing.</param>
/// <param name="Latency">From when it was to be sent to its end, in seconds, so that what waits in the generator counts too.</param>
/// <param name="Answer">What became of its call.</param>
internal readonly record struct LoadSample(double Due, double Lag, double Latency, LoadAnswer Answer)
{
    /// <summary>When it ended, in seconds since the run began.</summary>
    public double End => Due + Latency;
}
