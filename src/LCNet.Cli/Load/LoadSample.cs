using Grpc.Core;

namespace LCNet.Cli.Load;

/// <summary>What became of one request.</summary>
/// <param name="Due">When it was to be sent, in seconds since the run began.</param>
/// <param name="Lag">How much later it was sent, in seconds: the generator's own doing.</param>
/// <param name="Latency">From when it was to be sent to its end, in seconds, so that what waits in the generator counts too.</param>
/// <param name="Answer">What became of its call.</param>
/// <param name="HasRetryInfo">Whether a refusal said when to try again.</param>
internal readonly record struct LoadSample(double Due, double Lag, double Latency, LoadAnswer Answer, bool HasRetryInfo)
{
    /// <summary>How it ended.</summary>
    public StatusCode Status => Answer.Failure?.StatusCode ?? StatusCode.OK;

    /// <summary>When it ended, in seconds since the run began.</summary>
    public double End => Due + Latency;
}
