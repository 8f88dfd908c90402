using Grpc.Core;

namespace LCNet.Server;

/// <summary>Says over HTTP why an image was not classified, in the words of the gRPC call.</summary>
internal static class LiveRefusals
{
    private const string ImageField = "encoded_image";

    /// <summary>What the caller is told for what was thrown; a fault of the server's where it is not the caller's doing.</summary>
    public static (StatusCode Grpc, LiveProblem Problem) Of(Exception exception) => exception switch
    {
        LiveTooLargeException => Make(StatusCode.InvalidArgument, StatusCodes.Status413PayloadTooLarge, $"{ImageField}: {exception.Message}"),
        BadHttpRequestException request => Make(StatusCode.InvalidArgument, request.StatusCode, $"{ImageField}: the request cannot be read to its end"),
        _ when Refusals.StatusOf(exception, LivePageExtensions.ClassifyPath) is { } refusal => Make(refusal.StatusCode, Http(refusal.StatusCode), refusal.Detail),
        _ => Make(StatusCode.Internal, Http(StatusCode.Internal), Refusals.ServerFault),
    };

    private static (StatusCode Grpc, LiveProblem Problem) Make(StatusCode grpc, int http, string detail)
    {
        string? field = grpc is StatusCode.InvalidArgument or StatusCode.NotFound && detail.IndexOf(": ", StringComparison.Ordinal) is > 0 and int end ? detail[..end] : null;
        return (grpc, new LiveProblem(StatusNames.Of(grpc), http, detail, field));
    }

    private static int Http(StatusCode status) => status switch
    {
        StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };
}
