using LCNet.Server.Hosting;

namespace LCNet.Server.Security;

/// <summary>
/// Hides each endpoint from the port that it is not for: what has <see cref="HttpPortOnly"/> is on the HTTP port alone, everything else on the gRPC port alone. The framework's
/// <c>RequireHost</c> would believe the port that the caller writes into its <c>Host</c> header.
/// </summary>
internal sealed class ListenerMiddleware(RequestDelegate next, ServerEndpoints endpoints)
{
    /// <summary>Lets a request through, or answers 404.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        bool isForHttp = context.GetEndpoint()?.Metadata.GetMetadata<HttpPortOnly>() is not null;
        if (isForHttp == endpoints.IsGrpc(context))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        return next(context);
    }
}

/// <summary>Metadata of endpoints that are on the HTTP port.</summary>
internal sealed class HttpPortOnly;
