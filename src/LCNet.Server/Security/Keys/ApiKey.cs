using System.Security.Claims;

namespace LCNet.Server.Security.Keys;

/// <summary>A key of the file, as long as it is in there. Thread-safe.</summary>
internal sealed class ApiKey
{
    private readonly byte[] _hash;
    private KeyLimits _limits;
    private volatile bool _isRevoked;

    /// <summary>Makes a key that has used nothing yet.</summary>
    /// <param name="hash">SHA-256 of the key.</param>
    public ApiKey(string name, byte[] hash, KeyLimits limits, TimeProvider time)
    {
        (Name, Client, _hash, _limits) = (name, $"key {name}", hash, limits);
        Quota = new KeyQuota(this, time);
        Principal = new ClaimsPrincipal(new ApiKeyIdentity(this));
    }

    /// <summary>The key's name, which logs show.</summary>
    public string Name { get; }

    /// <summary>Whose it is, to take turns by: no address has such a name.</summary>
    public string Client { get; }

    /// <summary>SHA-256 of the key.</summary>
    public ReadOnlySpan<byte> Hash => _hash;

    /// <summary>The key's limits, which change when the file does.</summary>
    public KeyLimits Limits
    {
        get => Volatile.Read(ref _limits);
        set => Volatile.Write(ref _limits, value);
    }

    /// <summary>The caller that has it, for ASP.NET Core.</summary>
    public ClaimsPrincipal Principal { get; }

    /// <summary>What of the limits is used.</summary>
    public KeyQuota Quota { get; }

    /// <summary>Whether it was taken out of the file. A stream that it had opened notices with its next image.</summary>
    public bool IsRevoked => _isRevoked;

    /// <summary>Takes it out.</summary>
    public void Revoke() => _isRevoked = true;
}
