using System.Globalization;
using Grpc.Core;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>Makes of a request of the page the request that a gRPC caller would send, so that the same rules hold for both.</summary>
internal static class LiveRequest
{
    /// <summary>Whether its sender is a page of this server, or no page at all: those of other servers may not use a visitor's browser to get here.</summary>
    public static bool IsOwn(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() is "" or "same-origin" or "none";

    /// <summary>Whether it says that it carries an image, which no page of another server can do without asking first.</summary>
    public static bool IsImage(HttpRequest request) =>
        request.ContentType is { } type
        && (type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) || type.StartsWith("application/octet-stream", StringComparison.OrdinalIgnoreCase));

    /// <summary>Makes it, without its image.</summary>
    /// <param name="query">May have <c>model</c>, <c>version</c> and <c>effort</c>.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT: the effort is no number.</exception>
    public static ClassifyRequest Read(IQueryCollection query)
    {
        var request = new ClassifyRequest
        {
            Model = query["model"].ToString(),
            Version = query["version"].ToString(),
        };
        string effort = query["effort"].ToString();
        if (effort.Length > 0)
        {
            request.Effort = double.TryParse(effort, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                ? value
                : throw ServerError.InvalidArgument($"effort: {ServerError.Quote(effort)} is not a number");
        }

        return request;
    }
}
