using LCNet.Server.Security;

namespace LCNet.Server.Protocols.Http;

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
