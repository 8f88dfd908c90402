namespace LCNet.Client.Internal;

/// <summary>How long to wait before something is tried again.</summary>
internal static class Backoff
{
    /// <summary>By how much the limit of a wait grows from one to the next.</summary>
    public const double Multiplier = 2;

    /// <summary>A random wait, so that clients that were refused together do not come back together.</summary>
    /// <param name="failures">Failures so far, at least 1.</param>
    public static TimeSpan After(LcNetClientOptions options, int failures)
    {
        double limit = Math.Min(options.MaxBackoff.TotalSeconds, options.InitialBackoff.TotalSeconds * Math.Pow(Multiplier, failures - 1));
        return TimeSpan.FromSeconds(limit * Random.Shared.NextDouble());
    }
}
