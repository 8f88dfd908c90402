using LCNet.Server.Admission;
using LCNet.Server.Errors;

namespace LCNet.Server.Security.Keys;

/// <summary>
/// What a key has used of its limits. FLOPs are taken as planned by effort and cap when images enter, and as their own plans need once they have run: images made to
/// run every block use the limit up sooner. Thread-safe.
/// </summary>
internal sealed class KeyQuota(ApiKey key, TimeProvider time)
{
    // Nobody knows when an image of the key's own will be done.
    private static readonly TimeSpan ConcurrencyRetry = TimeSpan.FromMilliseconds(50);
    private readonly Lock _lock = new();
    private readonly RateBucket _images = new(time);
    private readonly RateBucket _flops = new(time);
    private int _concurrent;

    /// <summary>Whether not even the cheapest image would be let in, and why not.</summary>
    public AdmissionRefusal? CheckAny()
    {
        lock (_lock)
        {
            return Breach(key.Limits, 1, 1);
        }
    }

    /// <summary>Lets images in, all or none of them.</summary>
    /// <returns>Why not; null where they are in. Call <see cref="Leave"/> once they are done then.</returns>
    public AdmissionRefusal? Enter(int images, long flops)
    {
        lock (_lock)
        {
            if (Breach(key.Limits, images, flops) is { } breach)
            {
                return breach;
            }

            _concurrent += images;
            _images.Take(images);
            _flops.Take(flops);
            return null;
        }
    }

    /// <summary>Images that were let in are done, or were refused elsewhere.</summary>
    public void Leave(int images, long planned, long needed)
    {
        lock (_lock)
        {
            _concurrent -= images;
            _flops.Take(needed - planned);
        }
    }

    private AdmissionRefusal? Breach(KeyLimits limits, int images, long flops)
    {
        // A batch of more images than may be there at a time may come alone, or it could never.
        if (limits.ConcurrentImages is { } most && _concurrent > 0 && _concurrent + images > most)
        {
            return new AdmissionRefusal(RefusalReason.KeyConcurrency, most, TimeSpan.Zero, Spread(ConcurrencyRetry));
        }

        if (limits.ImagesPerSecond is { } rate && _images.Wait(rate, images) is { Ticks: > 0 } soon)
        {
            return new AdmissionRefusal(RefusalReason.KeyRate, 0, TimeSpan.Zero, Spread(soon));
        }

        return limits.FlopsPerSecond is { } speed && _flops.Wait(speed, flops) is { Ticks: > 0 } wait
            ? new AdmissionRefusal(RefusalReason.KeyFlops, 0, TimeSpan.Zero, Spread(wait))
            : null;
    }

    // Not before, and not all of them at once.
    private static TimeSpan Spread(TimeSpan delay) => delay * (1 + (Random.Shared.NextDouble() / 2));
}

/// <summary>The images of one request as far as its key's limits go; disposed once they are done. Thread-safe.</summary>
internal sealed class KeyUse : IDisposable
{
    private readonly KeyQuota _quota;
    private readonly int _images;
    private readonly long _planned;
    private long _needed;

    private KeyUse(KeyQuota quota, int images, long planned) => (_quota, _images, _planned) = (quota, images, planned);

    /// <summary>Counts the images of a request against a key's limits.</summary>
    /// <param name="key">The caller's; null where there are none.</param>
    /// <param name="planned">FLOPs that they are planned to cost together.</param>
    /// <returns>Null where there is no key, and so no limit.</returns>
    /// <exception cref="ServerError">RESOURCE_EXHAUSTED: the key may not do that much now. UNAUTHENTICATED: it is no longer in the file.</exception>
    public static KeyUse? Begin(ApiKey? key, int images, long planned)
    {
        if (key is null)
        {
            return null;
        }

        if (key.IsRevoked)
        {
            throw AccessErrors.Revoked();
        }

        return key.Quota.Enter(images, planned) is { } refusal ? throw ServerError.Refused(refusal) : new KeyUse(key.Quota, images, planned);
    }

    /// <summary>An image has run.</summary>
    public void Add(long flops) => Interlocked.Add(ref _needed, flops);

    /// <inheritdoc/>
    public void Dispose() => _quota.Leave(_images, _planned, Interlocked.Read(ref _needed));
}
