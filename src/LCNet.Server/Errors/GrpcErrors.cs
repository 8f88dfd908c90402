using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace LCNet.Server.Errors;

/// <summary>Writes errors as gRPC has them: a status and, where trying again later may succeed, a <c>google.rpc.RetryInfo</c> among its details and the delay that gRPC's own retries follow.</summary>
internal static class GrpcErrors
{
    private const string DetailsTrailer = "grpc-status-details-bin";
    private const string PushbackTrailer = "grpc-retry-pushback-ms";

    /// <summary>The exception for which gRPC answers with this error.</summary>
    public static RpcException ToException(ServerError error)
    {
        var trailers = new Metadata();
        if (error.Refusal is { } refusal)
        {
            trailers.Add(PushbackTrailer, Pushback(refusal.RetryAfter));
            trailers.SetRpcStatus(Details(error));
        }

        return new RpcException(new Grpc.Core.Status(error.Status, error.Message, error.InnerException), trailers);
    }

    /// <summary>The error with its details, as it travels within a message.</summary>
    public static Google.Rpc.Status Details(ServerError error)
    {
        var details = new Google.Rpc.Status { Code = (int)error.Status, Message = error.Message };
        if (error.Refusal is { } refusal)
        {
            details.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(refusal.RetryAfter) }));
        }

        return details;
    }

    /// <summary>Writes a reply that is nothing but an error, in its headers, before gRPC has the call. Nothing else may follow.</summary>
    /// <param name="response">Not begun.</param>
    /// <param name="error">Its text is ASCII.</param>
    public static void Write(Microsoft.AspNetCore.Http.HttpResponse response, ServerError error)
    {
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)error.Status).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = error.Message;
        if (error.Refusal is { } refusal)
        {
            response.Headers[DetailsTrailer] = Convert.ToBase64String(Details(error).ToByteArray());
            response.Headers[PushbackTrailer] = Pushback(refusal.RetryAfter);
        }
    }

    private static string Pushback(TimeSpan delay) => ((long)Math.Ceiling(delay.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture);
}
