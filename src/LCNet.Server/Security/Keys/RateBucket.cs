namespace LCNet.Server.Security.Keys;

/// <summary>
/// A token bucket that holds what one second brings, at least one token. Unlike the one of <c>System.Threading.RateLimiting</c> it can be in debt, for what an image
/// costs is only known once it has run, its rate can change, and its clock can be a test's. Not thread-safe.
/// </summary>
internal sealed class RateBucket(TimeProvider time)
{
    private double _tokens = double.PositiveInfinity;
    private long _filled = time.GetTimestamp();

    /// <summary>How long until some tokens could be taken; zero where they can be now.</summary>
    /// <param name="rate">Tokens a second, above 0.</param>
    /// <param name="tokens">How many; more than the bucket holds can be taken once it is full.</param>
    public TimeSpan Wait(double rate, double tokens)
    {
        Fill(rate);
        double missing = Math.Min(tokens, Size(rate)) - _tokens;
        return missing > 0 ? TimeSpan.FromSeconds(Math.Min(missing / rate, TimeSpan.MaxValue.TotalSeconds / 2)) : TimeSpan.Zero;
    }

    /// <summary>Takes tokens where they are there.</summary>
    /// <param name="rate">As for <see cref="Wait"/>.</param>
    /// <param name="tokens">As for <see cref="Wait"/>.</param>
    public bool TryTake(double rate, double tokens)
    {
        bool there = Wait(rate, tokens) == TimeSpan.Zero;
        if (there)
        {
            Take(tokens);
        }

        return there;
    }

    /// <summary>Takes tokens whether they are there or not; gives some back where negative.</summary>
    public void Take(double tokens) => _tokens -= tokens;

    private static double Size(double rate) => Math.Max(rate, 1);

    private void Fill(double rate)
    {
        long now = time.GetTimestamp();
        _tokens = Math.Min(_tokens + (rate * time.GetElapsedTime(_filled, now).TotalSeconds), Size(rate));
        _filled = now;
    }
}
