using LCNet.Server.Errors;
using LCNet.Server.Security;

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

/// <summary><c>GET /openapi/v1.json</c>: describes the HTTP port's API to tools that make clients. Thread-safe.</summary>
internal static class OpenApiEndpoint
{
    /// <summary>Path of the document.</summary>
    public const string Path = "/openapi/v1.json";

    private static readonly byte[] Document = Read();

    /// <summary>Writes the document.</summary>
    public static Task AnswerAsync(HttpContext context) => ResponseHeaders.WriteAsync(context, "application/json", Document);

    private static byte[] Read()
    {
        using Stream stream = typeof(OpenApiEndpoint).Assembly.GetManifestResourceStream("openapi.json")!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
