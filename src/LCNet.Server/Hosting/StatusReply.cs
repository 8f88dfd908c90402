using System.Globalization;
using Grpc.Core;

namespace LCNet.Server;

/// <summary>A gRPC reply of nothing but a status, which it has in its headers.</summary>
internal static class StatusReply
{
    private const string ContentType = "application/grpc";

    /// <summary>Writes it; nothing else may follow but headers.</summary>
    /// <param name="response">Not begun.</param>
    /// <param name="status">The status.</param>
    /// <param name="message">Short, and ASCII.</param>
    public static void Write(HttpResponse response, StatusCode status, string message)
    {
        response.ContentType = ContentType;
        response.Headers["grpc-status"] = ((int)status).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = message;
    }
}
