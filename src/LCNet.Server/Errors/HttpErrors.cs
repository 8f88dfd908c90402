using System.Text.Json;
using Grpc.Core;
using LCNet.Server.LivePage;

namespace LCNet.Server.Errors;

/// <summary>Writes errors as HTTP has them: a status and a problem in JSON (RFC 9457), in the words of the gRPC call.</summary>
internal static class HttpErrors
{
    private const string ImageField = "encoded_image";

    /// <summary>The error for what the handling of a request threw; a fault of the server's where it is not the caller's doing.</summary>
    /// <param name="exception">That was thrown.</param>
    public static ServerError Find(Exception exception, string path) => exception is BadHttpRequestException unread
        ? ServerError.InvalidBody($"{ImageField}: the request cannot be read to its end", unread.StatusCode)
        : ServerError.From(exception, path) ?? new ServerError(StatusCode.Internal, ServerError.FaultDetail, exception);

    /// <summary>Writes the whole reply.</summary>
    /// <param name="context">Whose response has not begun.</param>
    public static Task WriteAsync(HttpContext context, ServerError error)
    {
        context.Response.StatusCode = error.HttpStatus ?? StatusOf(error.Status);
        string? field = error.Status is StatusCode.InvalidArgument or StatusCode.NotFound && error.Message.IndexOf(": ", StringComparison.Ordinal) is > 0 and int end ? error.Message[..end] : null;
        var problem = new LiveProblem(StatusNames.Of(error.Status), context.Response.StatusCode, error.Message, field);
        return PageHeaders.WriteAsync(context, "application/problem+json", JsonSerializer.SerializeToUtf8Bytes(problem, LiveJson.Default.LiveProblem));
    }

    private static int StatusOf(StatusCode status) => status switch
    {
        StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };
}
