using LCNet.Server.Errors;

namespace LCNet.Server.Protocols.Http;

/// <summary>Maps endpoints of the HTTP port.</summary>
internal static class EndpointExtensions
{
    /// <summary>
    /// Maps a path that takes one method; others are answered with 405. The framework would do that by itself, but for gRPC, which maps an endpoint of its own for all paths of two parts.
    /// </summary>
    public static IEndpointConventionBuilder MapOnly(this IEndpointRouteBuilder endpoints, string method, string path, RequestDelegate handler)
    {
        endpoints.Map(path, context =>
        {
            context.Response.Headers.Allow = method;
            throw ServerError.MethodNotAllowed(context.Request, method);
        });
        return endpoints.MapMethods(path, [method], handler);
    }
}
