namespace LCNet.Server;

/// <summary>The images of one request as far as its key's limits go; disposed once they are done. Thread-safe.</summary>
internal sealed class KeyUse : IDisposable
{
    private readonly KeyQuota _quota;
    private readonly int _images;
    private readonly long _planned;
    private long _needed;

    private KeyUse(KeyQuota quota, int images, long planned) => (_quota, _images, _planned) = (quota, images, planned);

    /// <summary>Begins to use a key.</summary>
    /// <param name="key">The caller's; null where there are none.</param>
    /// <param name="images">How many images.</param>
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
            throw AccessTexts.Revoked();
        }

        return key.Quota.Enter(images, planned) is { } refusal ? throw ServerError.Refused(refusal) : new KeyUse(key.Quota, images, planned);
    }

    /// <summary>An image has run.</summary>
    /// <param name="flops">That its plan needed.</param>
    public void Add(long flops) => Interlocked.Add(ref _needed, flops);

    /// <inheritdoc/>
    public void Dispose() => _quota.Leave(_images, _planned, Interlocked.Read(ref _needed));
}
