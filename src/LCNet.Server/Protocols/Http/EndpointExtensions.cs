using LCNet.Server.Errors;
using LCNet.Server.Security;

namespace LCNet.Server.Protocols.Http;

/// <summary>Maps endpoints of the HTTP port.</summary>
internal static class EndpointExtensions
{
    /// <summary>
    /// Maps a path that takes one method; others are answered with 405. The framework would do that by itself, but for gRPC, which maps an endpoint of its own for all paths of two parts.
    /// A POST is answered to pages of this server, and to what is no page at all: those of other servers may not use a visitor's browser to get here.
    /// </summary>
    public static IEndpointConventionBuilder MapOnly(this IEndpointRouteBuilder endpoints, string method, string path, RequestDelegate handler)
    {
        endpoints.Map(path, context =>
        {
            context.Response.Headers.Allow = method;
            throw ServerError.MethodNotAllowed(context.Request, method);
        });
        return endpoints.MapMethods(path, [method], HttpMethods.IsPost(method) ? context => IsOwn(context.Request) ? handler(context) : throw ServerError.OtherPage() : handler);
    }

    private static bool IsOwn(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() is "" or "same-origin" or "none";
}

/// <summary><c>GET /openapi/v1.json</c>: describes the HTTP port's API to tools that make clients. Thread-safe.</summary>
internal static class OpenApiEndpoint
{
    /// <summary>Path of the document.</summary>
    public const string Path = "/openapi/v1.json";

    private static readonly byte[] Document = EmbeddedFile.Read("openapi.json");

    /// <summary>Writes the document.</summary>
    public static Task AnswerAsync(HttpContext context) => ResponseHeaders.WriteAsync(context, "application/json", Document);
}

/// <summary>Files that are part of the program, so that there is no folder to find.</summary>
internal static class EmbeddedFile
{
    /// <summary>The contents of a file of the project's resources.</summary>
    public static byte[] Read(string resource)
    {
        using Stream stream = typeof(EmbeddedFile).Assembly.GetManifestResourceStream(resource)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
