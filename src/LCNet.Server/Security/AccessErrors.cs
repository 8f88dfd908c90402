using Grpc.Core;
using LCNet.Server.Errors;

namespace LCNet.Server.Security;

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

/// <summary>What callers are told who are turned away.</summary>
internal static class AccessErrors
{
    private const string WrongKey = "there is no such API key";

    /// <summary>What a stream is told whose key was taken out of the file.</summary>
    public static ServerError Revoked() => new(StatusCode.Unauthenticated, WrongKey);

    /// <summary>What a key's holder is told who asks for more than its answer and may not.</summary>
    public static ServerError MayNotVerify() => new(StatusCode.PermissionDenied, "verify: the API key may not ask for it");

    /// <summary>The error of a request.</summary>
    public static ServerError Of(AccessProblem problem)
    {
        StatusCode status = problem == AccessProblem.NotOperator ? StatusCode.PermissionDenied : StatusCode.Unauthenticated;
        bool isCertificate = problem is AccessProblem.NoCertificate or AccessProblem.WrongCertificate;

        // A browser that is told 401 asks its user for a key, which is no help where a certificate is missing.
        return new ServerError(status, TextOf(problem)) { HttpStatus = isCertificate ? StatusCodes.Status403Forbidden : null };
    }

    /// <summary>The words of the error.</summary>
    public static string TextOf(AccessProblem problem) => problem switch
    {
        AccessProblem.NoKey => "an API key is needed, as authorization: Bearer KEY",
        AccessProblem.WrongKey => WrongKey,
        AccessProblem.NoCertificate => "a client certificate is needed",
        AccessProblem.WrongCertificate => "the client certificate has expired",
        _ => "the API key is not an operator's",
    };
}
