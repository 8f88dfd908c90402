using Grpc.Core;
using LCNet.Server.Errors;
using LCNet.Server.Hosting;
using LCNet.Server.Security.Keys;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Security;

/// <summary>
/// Counts and logs who was turned away. Strangers decide how often that is, so no more than ten lines a second are written; what is left out is counted. A line has an
/// address, a key's name or a certificate's subject, never a key. Thread-safe.
/// </summary>
internal sealed class AccessRefusals(ServerMetrics metrics, TimeProvider time, ILogger<AccessRefusals> logger)
{
    private const double LinesPerSecond = 10;
    private const int LongestText = 128;
    private readonly Lock _lock = new();
    private readonly RateBucket _lines = new(time);
    private long _unlogged;

    /// <summary>Takes down a refusal.</summary>
    /// <param name="remote">Address and port that it came from; null where there is none.</param>
    /// <param name="text">What the log says; what a stranger can choose of it is cleaned.</param>
    public void Add(AccessProblem problem, string? remote, string text)
    {
        metrics.RefuseAccess(problem);
        Write(remote ?? "unknown", text);
    }

    /// <summary>A stranger's text as one short line of printable characters.</summary>
    public static string Clean(string text)
    {
        string cut = text.Length <= LongestText ? text : text[..LongestText];
        return string.Concat(cut.Select(character => character is >= ' ' and <= '~' ? character : '?'));
    }

    private void Write(string who, string text)
    {
        long unlogged;
        lock (_lock)
        {
            if (!_lines.TryTake(LinesPerSecond, 1))
            {
                _unlogged++;
                return;
            }

            (unlogged, _unlogged) = (_unlogged, 0);
        }

        Log.AccessRefused(logger, who, text);
        if (unlogged > 0)
        {
            Log.RefusalsNotLogged(logger, unlogged);
        }
    }
}

/// <summary>Why a call or a connection was turned away before anybody looked at what it wants. The names are values of a metric's tag.</summary>
internal enum AccessProblem
{
    /// <summary>No API key came with it.</summary>
    NoKey,

    /// <summary>There is no such key, or no longer.</summary>
    WrongKey,

    /// <summary>No client certificate came with it.</summary>
    NoCertificate,

    /// <summary>Its client certificate is expired, not yet valid, not for clients, or of another authority.</summary>
    WrongCertificate,

    /// <summary>Its key is good, but not an operator's.</summary>
    NotOperator,

    /// <summary>Its address has as many connections as it may have.</summary>
    Connections,
}

/// <summary>Tells callers why they were turned away: over gRPC by a status, over HTTP by a code for which a browser asks its user for the key.</summary>
internal static class AccessTexts
{
    private const string WrongKey = "there is no such API key";

    /// <summary>What a stream is told whose key was taken out of the file.</summary>
    public static ServerError Revoked() => new(StatusCode.Unauthenticated, WrongKey);

    /// <summary>What a caller is told.</summary>
    public static string Of(AccessProblem problem) => problem switch
    {
        AccessProblem.NoKey => "an API key is needed, as authorization: Bearer KEY",
        AccessProblem.WrongKey => WrongKey,
        AccessProblem.NoCertificate => "a client certificate is needed",
        AccessProblem.WrongCertificate => "the client certificate has expired",
        _ => "the API key is not an operator's",
    };

    /// <summary>Writes the whole reply.</summary>
    public static Task WriteAsync(HttpContext context, AccessProblem problem, bool overGrpc)
    {
        bool forbidden = problem == AccessProblem.NotOperator;
        HttpResponse response = context.Response;
        if (overGrpc)
        {
            GrpcErrors.Write(response, new ServerError(forbidden ? StatusCode.PermissionDenied : StatusCode.Unauthenticated, Of(problem)));
            return Task.CompletedTask;
        }

        bool key = problem is AccessProblem.NoKey or AccessProblem.WrongKey;
        response.StatusCode = key ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden;
        if (key)
        {
            response.Headers.WWWAuthenticate = "Basic realm=\"LCNet: the API key as password\", charset=\"UTF-8\"";
        }

        response.Headers.CacheControl = "no-store";
        response.ContentType = "text/plain";
        return response.WriteAsync(Of(problem));
    }
}
