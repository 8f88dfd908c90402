using System.Security.Cryptography.X509Certificates;

namespace LCNet.Server;

/// <summary>Decides who may ask for what, before anything of a request but its headers is read. Thread-safe.</summary>
internal sealed class AccessControl(ServerOptions options, TimeProvider time, ReloadedFiles<KeyRing>? keys = null)
{
    private static readonly object Key = new();

    /// <summary>The key that a request came with; null where none are asked for.</summary>
    public static ApiKey? KeyOf(HttpContext context) => context.Items.TryGetValue(Key, out object? key) ? (ApiKey?)key : null;

    /// <summary>Judges a request; from then on <see cref="KeyOf"/> knows its key.</summary>
    /// <param name="context">The request.</param>
    /// <param name="endpoint">What it asks for.</param>
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
