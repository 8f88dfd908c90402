using Grpc.Core;

namespace LCNet.Server;

/// <summary>Makes the errors that callers get.</summary>
internal static class Refusals
{
    private const int QuotedLength = 64;

    /// <summary>A field is out of range.</summary>
    /// <param name="message">Begins with the field's name and states its limit. Of bounded length: it travels as a header.</param>
    public static RpcException InvalidArgument(string message) => new(new Status(StatusCode.InvalidArgument, message));

    /// <summary>There is no such thing.</summary>
    /// <param name="message">As for <see cref="InvalidArgument"/>.</param>
    public static RpcException NotFound(string message) => new(new Status(StatusCode.NotFound, message));

    /// <summary>A caller's text in quotation marks, cut short where it is long.</summary>
    public static string Quote(string text) => text.Length <= QuotedLength ? $"'{text}'" : $"'{text.AsSpan(0, QuotedLength)}…'";
}
