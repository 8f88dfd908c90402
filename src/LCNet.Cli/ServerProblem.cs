using Grpc.Core;

namespace LCNet.Cli;

/// <summary>What a user is told of a call that failed.</summary>
internal static class ServerProblem
{
    /// <summary>One line: what the server answered, or that nobody did.</summary>
    public static string Of(RpcException exception) => exception is { StatusCode: StatusCode.Unavailable, Status.DebugException: { } cause }
        ? $"No server answers: {Innermost(cause).Message.ReplaceLineEndings(" ")}"
        : $"The server answered {exception.StatusCode}: {exception.Status.Detail.ReplaceLineEndings(" ")}";

    private static Exception Innermost(Exception exception) => exception.InnerException is { } inner ? Innermost(inner) : exception;
}
