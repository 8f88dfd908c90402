using Google.Protobuf;
using Grpc.Core;

namespace LCNet.Server;

/// <summary>Makes the errors that callers get.</summary>
internal static class Refusals
{
    /// <summary>What callers are told of a fault of the server's.</summary>
    public const string ServerFault = "the server failed; its log says why";

    /// <summary>What is said of a call that its caller gave up.</summary>
    public const string CallCancelled = "the call was cancelled";

    private const int QuotedLength = 64;

    /// <summary>The server was told to stop.</summary>
    public static Status Draining { get; } = new(StatusCode.Unavailable, "the server is draining");

    /// <summary>The server has nothing to serve, yet or any more.</summary>
    public static Status NoModel { get; } = new(StatusCode.Unavailable, "no model is loaded");

    /// <summary>The device that runs the model failed again and again.</summary>
    public static Status DeviceFailed { get; } = new(StatusCode.Unavailable, "the device that runs the model has failed");

    /// <summary>A field is out of range.</summary>
    /// <param name="message">Begins with the field's name and states its limit. Of bounded length: it travels as a header.</param>
    public static RpcException InvalidArgument(string message) => new(new Status(StatusCode.InvalidArgument, message));

    /// <summary>There is no such thing.</summary>
    /// <param name="message">As for <see cref="InvalidArgument"/>.</param>
    public static RpcException NotFound(string message) => new(new Status(StatusCode.NotFound, message));

    /// <summary>Says that a message cannot be read.</summary>
    /// <param name="method">Full name of the method that was called.</param>
    public static string NotAMessage(string method) => $"the request is not a message that {method} reads";

    /// <summary>Says that a message is too large.</summary>
    /// <param name="limit">Most bytes of a message.</param>
    public static string MessageTooLarge(int limit) => $"the request has more than {limit} bytes, the limit of a message";

    /// <summary>The status for what a request's handling threw; null where it is not the caller's doing.</summary>
    /// <param name="exception">That was thrown.</param>
    /// <param name="method">Full name of the method that was called.</param>
    public static Status? StatusOf(Exception exception, string method) => exception switch
    {
        RpcException refusal => refusal.Status,
        AdmissionRefusedException => new Status(StatusCode.ResourceExhausted, exception.Message),
        DeviceFailedException => new Status(StatusCode.Unavailable, DeviceFailedException.Text),
        DeadlineExpiredException => new Status(StatusCode.DeadlineExceeded, exception.Message),
        InvalidProtocolBufferException => new Status(StatusCode.InvalidArgument, NotAMessage(method)),
        _ => null,
    };

    /// <summary>The status of a call that was cancelled, by its caller or by its deadline.</summary>
    public static Status GivenUp(ServerCallContext context, TimeProvider time) => time.GetUtcNow().UtcDateTime >= context.Deadline
        ? new Status(StatusCode.DeadlineExceeded, DeadlineExpiredException.Text)
        : new Status(StatusCode.Cancelled, CallCancelled);

    /// <summary>Whether a message was read whole and is none: what protobuf and decompression throw. Anything else that reading throws is about the connection.</summary>
    public static bool IsUnreadable(Exception? exception) => exception is InvalidProtocolBufferException or InvalidDataException;

    /// <summary>The refusal for what gRPC throws where a call is over, which the call's token may say a moment later: nobody is told.</summary>
    public static RpcException Over(Exception exception) => new(new Status(StatusCode.Cancelled, "the call is over", exception));

    /// <summary>A caller's text in quotation marks, cut short where it is long.</summary>
    public static string Quote(string text) => text.Length <= QuotedLength ? $"'{text}'" : $"'{text.AsSpan(0, QuotedLength)}…'";
}
