using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using LCNet.Server.Admission;

namespace LCNet.Server.Errors;

/// <summary>
/// Why a request is not answered, in the terms that its caller is told. Whatever refuses a request throws one; each protocol has one place that writes it (<see cref="GrpcErrors"/>, <see cref="HttpErrors"/>).
/// Anything else that is thrown is a fault of the server's, which is logged and told to nobody.
/// </summary>
/// <param name="status">The status over gRPC, from which the one of HTTP follows.</param>
/// <param name="detail">For people. What is wrong with a field begins with its name and states its limit. Of bounded length: it travels as a header.</param>
/// <param name="cause">What was thrown first; null where nothing was.</param>
internal sealed class ServerError(StatusCode status, string detail, Exception? cause = null) : Exception(detail, cause)
{
    /// <summary>What is told of a fault of the server's.</summary>
    public const string FaultDetail = "the server failed; its log says why";

    /// <summary>What is told of a call that its caller gave up.</summary>
    public const string CancelledDetail = "the call was cancelled";

    /// <summary>What is told of a call whose deadline has passed.</summary>
    public const string ExpiredDetail = "the deadline expired before the image ran";

    private const int QuotedLength = 64;

    /// <summary>The status over gRPC.</summary>
    public StatusCode Status => status;

    /// <summary>The status over HTTP where it is a finer one than <see cref="Status"/> gives; null where that says all.</summary>
    public int? HttpStatus { get; init; }

    /// <summary>Why there was no room; null where that is not what it is about.</summary>
    public AdmissionRefusal? Refusal { get; private init; }

    /// <summary>The error for what the handling of a request threw; null for a fault of the server's.</summary>
    /// <param name="method">Full name of the method that was called, or the path.</param>
    public static ServerError? From(Exception exception, string method) => exception switch
    {
        ServerError error => error,
        RpcException { Status: { } given } => new ServerError(given.StatusCode, given.Detail),
        InvalidProtocolBufferException => NotAMessage(method),
        _ => null,
    };

    /// <summary>A field is out of range.</summary>
    public static ServerError InvalidArgument(string detail) => new(StatusCode.InvalidArgument, detail);

    /// <summary>A body cannot be taken, for a reason that HTTP has a status of its own for.</summary>
    public static ServerError InvalidBody(string detail, int httpStatus) => new(StatusCode.InvalidArgument, detail) { HttpStatus = httpStatus };

    /// <summary>A path takes another method.</summary>
    public static ServerError MethodNotAllowed(HttpRequest request, string method) =>
        new(StatusCode.Unimplemented, $"{request.Path} does not take {Quote(request.Method)}; it takes {method}") { HttpStatus = StatusCodes.Status405MethodNotAllowed };

    /// <summary>There is no such thing.</summary>
    public static ServerError NotFound(string detail) => new(StatusCode.NotFound, detail);

    /// <summary>There is no room; trying again later may succeed.</summary>
    public static ServerError Refused(AdmissionRefusal refusal) => new(StatusCode.ResourceExhausted, refusal.Detail) { Refusal = refusal };

    /// <summary>A browser sent it for a page that is not this server's.</summary>
    public static ServerError OtherPage() => new(StatusCode.PermissionDenied, "the request comes from a page of another server");

    /// <summary>The deadline came before the request's turn.</summary>
    public static ServerError Expired() => new(StatusCode.DeadlineExceeded, ExpiredDetail);

    /// <summary>The server was told to stop.</summary>
    public static ServerError Draining() => new(StatusCode.Unavailable, "the server is draining");

    /// <summary>The server has nothing to serve yet.</summary>
    public static ServerError Loading() => new(StatusCode.Unavailable, "the models are being loaded");

    /// <summary>The server has nothing to serve.</summary>
    public static ServerError NoModel() => new(StatusCode.Unavailable, "no model is loaded");

    /// <summary>The device that runs the model has failed time after time.</summary>
    public static ServerError DeviceDown() => new(StatusCode.Unavailable, "the device that runs the model has failed");

    /// <summary>The device failed while the image ran: native code, the device itself, or memory. The image has no answer; another server may have one.</summary>
    public static ServerError DeviceFailed(Exception cause) => new(StatusCode.Unavailable, "the device failed while the image ran; another server may answer", cause);

    /// <summary>A message was read whole and is none.</summary>
    /// <param name="method">Full name of the method that was called.</param>
    public static ServerError NotAMessage(string method) => InvalidArgument($"the request is not a message that {method} reads");

    /// <summary>A message is larger than one may be.</summary>
    /// <param name="limit">Most bytes of a message.</param>
    public static ServerError MessageTooLarge(int limit) => InvalidArgument(string.Create(CultureInfo.InvariantCulture, $"the request has more than {limit} bytes, the limit of a message"));

    /// <summary>The call is over, which its token may say a moment later: nobody is told.</summary>
    public static ServerError Over(Exception cause) => new(StatusCode.Cancelled, "the call is over", cause);

    /// <summary>A caller's text in quotation marks, cut short where it is long.</summary>
    public static string Quote(string text) => text.Length <= QuotedLength ? $"'{text}'" : $"'{text.AsSpan(0, QuotedLength)}…'";
}

/// <summary>The names that the gRPC specification gives its status codes.</summary>
internal static class StatusNames
{
    private static readonly string[] Names =
    [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ];

    /// <summary>How many status codes there are; they are numbered from 0.</summary>
    public static int Count => Names.Length;

    /// <summary>The name of a status code, for example <c>INVALID_ARGUMENT</c>; <c>UNKNOWN</c> where there is no such code.</summary>
    public static string Of(StatusCode status) => (int)status >= 0 && (int)status < Names.Length ? Names[(int)status] : Names[(int)StatusCode.Unknown];

    /// <summary>The status code of a name; <see cref="StatusCode.Unknown"/> where there is no such name.</summary>
    public static StatusCode Parse(string name) => Array.IndexOf(Names, name) is >= 0 and int status ? (StatusCode)status : StatusCode.Unknown;
}
