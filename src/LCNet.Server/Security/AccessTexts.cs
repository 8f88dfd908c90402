using Grpc.Core;

namespace LCNet.Server;

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
