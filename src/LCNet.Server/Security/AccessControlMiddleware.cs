using LCNet.Server.Hosting;
using LCNet.Server.Security.Keys;

namespace LCNet.Server.Security;

/// <summary>Turns away whoever may not ask for what is asked for, and what is asked for on the wrong port.</summary>
internal sealed class AccessControlMiddleware(RequestDelegate next, AccessControl access, ServerEndpoints endpoints)
{
    /// <summary>Judges a request.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        EndpointAccess endpoint = context.GetEndpoint()?.Metadata.GetMetadata<EndpointAccess>() ?? EndpointAccess.Calls;
        bool overGrpc = context.Connection.LocalPort == endpoints.Grpc.Port;
        if (access.Judge(context, endpoint) is { } refused)
        {
            Refuse(context, refused.Problem, refused.Key);
            return AccessTexts.WriteAsync(context, refused.Problem, overGrpc);
        }

        if (endpoint.IsManagement == overGrpc)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        return next(context);
    }

    private static void Refuse(HttpContext context, AccessProblem problem, ApiKey? key)
    {
        // Made no sooner: counters begin at 0 where those who export them are there.
        AccessRefusals refusals = context.RequestServices.GetRequiredService<AccessRefusals>();
        string remote = $"{context.Connection.RemoteIpAddress}:{context.Connection.RemotePort}";
        refusals.Add(problem, key is null ? remote : $"{remote} ({key.Client})", $"{AccessTexts.Of(problem)}: {AccessRefusals.Clean(context.Request.Path)}");
    }
}
