using System.Security.Cryptography.X509Certificates;
using System.Text;
using LCNet.Server.Configuration;
using LCNet.Server.Security.Keys;
using Microsoft.Extensions.Primitives;

namespace LCNet.Server.Security;

/// <summary>Decides who may ask for what, before anything of a request but its headers is read. Thread-safe.</summary>
internal sealed class AccessControl(ServerOptions options, TimeProvider time, ReloadedFiles<KeyRing>? keys = null)
{
    private static readonly object Key = new();

    /// <summary>The key that a request came with; null where none are asked for.</summary>
    public static ApiKey? KeyOf(HttpContext context) => context.Items.TryGetValue(Key, out object? key) ? (ApiKey?)key : null;

    /// <summary>Judges a request; from then on <see cref="KeyOf"/> knows its key.</summary>
    /// <returns>What is wrong, and for the log whose it is; null where nothing is.</returns>
    public (AccessProblem Problem, ApiKey? Key)? Judge(HttpContext context, EndpointAccess endpoint)
    {
        if (endpoint.IsOpen)
        {
            return null;
        }

        if (options.AsksForCertificate && Certificate(context) is { } problem)
        {
            return (problem, null);
        }

        return keys is null ? null : JudgeKey(context, endpoint, keys.Current);
    }

    // The handshake has verified it; but a connection may last longer than the certificate.
    private AccessProblem? Certificate(HttpContext context) =>
        context.Connection.ClientCertificate is not { } certificate ? AccessProblem.NoCertificate : IsExpired(certificate) ? AccessProblem.WrongCertificate : null;

    private bool IsExpired(X509Certificate2 certificate) => time.GetUtcNow().UtcDateTime > certificate.NotAfter.ToUniversalTime();

    private static (AccessProblem Problem, ApiKey? Key)? JudgeKey(HttpContext context, EndpointAccess endpoint, KeyRing ring)
    {
        if (SentKey.Of(context.Request) is not { } sent)
        {
            return (AccessProblem.NoKey, null);
        }

        if (ring.Find(sent) is not { } key)
        {
            return (AccessProblem.WrongKey, null);
        }

        if (endpoint.IsManagement && !key.Limits.IsOperator)
        {
            return (AccessProblem.NotOperator, key);
        }

        context.Items[Key] = key;
        return null;
    }
}

/// <summary>Finds the API key among a request's headers.</summary>
internal static class SentKey
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";
    private const int LongestHeader = 2048;

    /// <summary>The key, as <c>authorization: Bearer KEY</c> or, as browsers ask for it, as the password of <c>Basic</c>; null where there is none.</summary>
    public static string? Of(HttpRequest request)
    {
        StringValues values = request.Headers.Authorization;
        if (values.Count != 1 || values[0] is not { Length: <= LongestHeader } value)
        {
            return null;
        }

        return value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? value[Bearer.Length..].Trim()
            : value.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) ? Password(value[Basic.Length..].Trim())
            : null;
    }

    private static string? Password(string encoded)
    {
        byte[] bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, bytes, out int length))
        {
            return null;
        }

        string text = Encoding.UTF8.GetString(bytes, 0, length);
        return text.IndexOf(':', StringComparison.Ordinal) is >= 0 and int colon ? text[(colon + 1)..] : null;
    }
}

/// <summary>Metadata of endpoints that are not for callers on the gRPC port. Immutable.</summary>
/// <param name="IsManagement">Whether it is on the HTTP port, and on that alone.</param>
/// <param name="IsOpen">Whether it needs neither key nor certificate; otherwise what is management needs an operator's key.</param>
internal sealed record EndpointAccess(bool IsManagement, bool IsOpen)
{
    /// <summary>Whether the server lives and takes calls, over HTTP.</summary>
    public static readonly EndpointAccess HttpHealth = new(IsManagement: true, IsOpen: true);

    /// <summary>The same over gRPC.</summary>
    public static readonly EndpointAccess GrpcHealth = new(IsManagement: false, IsOpen: true);

    /// <summary>What operators see.</summary>
    public static readonly EndpointAccess Management = new(IsManagement: true, IsOpen: false);

    /// <summary>What callers call: the endpoints without this metadata.</summary>
    public static readonly EndpointAccess Calls = new(IsManagement: false, IsOpen: false);
}
