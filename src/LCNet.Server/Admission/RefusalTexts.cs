using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>What callers are told who are not let in: RESOURCE_EXHAUSTED, with a <c>google.rpc.RetryInfo</c> among the status's details.</summary>
internal static class RefusalTexts
{
    /// <summary>Name of the trailer that takes a <c>google.rpc.Status</c>.</summary>
    public const string DetailsTrailer = "grpc-status-details-bin";

    /// <summary>Name of the trailer that gRPC's own retries follow, in milliseconds.</summary>
    public const string PushbackTrailer = "grpc-retry-pushback-ms";

    /// <summary>For people; short, and ASCII as it travels as a header. The same text for the same reason, so that those who watch can count them: what changes from refusal to refusal stands in the details.</summary>
    public static string Of(AdmissionRefusal refusal) => refusal.Reason switch
    {
        RefusalReason.Count => string.Create(CultureInfo.InvariantCulture, $"the queue is full: {refusal.Limit} images are waiting"),
        RefusalReason.Bytes => string.Create(CultureInfo.InvariantCulture, $"the queue is full: waiting requests hold {refusal.Limit} bytes"),
        RefusalReason.Deadline => "the image would wait longer than the deadline leaves",
        RefusalReason.KeyRate => "the API key's images a second are used up",
        RefusalReason.KeyFlops => "the API key's FLOPs a second are used up",
        RefusalReason.KeyConcurrency => string.Create(CultureInfo.InvariantCulture, $"the API key has {refusal.Limit} images on their way, as many as it may"),
        _ => "the queue is full: an image would wait longer than the queue's objective",
    };

    /// <summary>For programs.</summary>
    public static Google.Rpc.Status Details(AdmissionRefusal refusal) => new()
    {
        Code = (int)StatusCode.ResourceExhausted,
        Message = Of(refusal),
        Details = { Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(refusal.RetryAfter) }) },
    };

    /// <summary>When to try again, in whole milliseconds.</summary>
    public static string Pushback(AdmissionRefusal refusal) => ((long)Math.Ceiling(refusal.RetryAfter.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture);

    /// <summary>The status of a call.</summary>
    public static RpcException Exception(AdmissionRefusal refusal)
    {
        Google.Rpc.Status details = Details(refusal);
        var trailers = new Metadata { { PushbackTrailer, Pushback(refusal) } };
        trailers.SetRpcStatus(details);
        return new RpcException(new Grpc.Core.Status(StatusCode.ResourceExhausted, details.Message), trailers);
    }

    /// <summary>The value of <see cref="DetailsTrailer"/>.</summary>
    public static string EncodeDetails(AdmissionRefusal refusal) => Convert.ToBase64String(Details(refusal).ToByteArray());
}
