using Grpc.Core;

namespace LCNet.Cli.Load;

/// <summary>What became of one request.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="Due">When it was to be sent, in seconds since the run began.</param>
/// <param name="Lag">How much later it was sent, in seconds: the generator's own doing.</param>
/// <param name="Latency">From when it was to be sent to its end, in seconds, so that what waits in the generator counts too.</param>
/// <param name="Effort">That the reply says.</param>
/// <param name="IsRight">Whether the most probable label is the image's class.</param>
/// <param name="HasRetryInfo">Whether a refusal said when to try again.</param>
internal readonly record struct LoadSample(StatusCode Status, double Due, double Lag, double Latency, double Effort, bool IsRight, bool HasRetryInfo)
{
    /// <summary>When it ended, in seconds since the run began.</summary>
    public double End => Due + Latency;
}
