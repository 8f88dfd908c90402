using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Grpc.Core;
using LCNet.Server.Protocols.OpenInference;
using LCNet.Server.Security;

namespace LCNet.Server.Errors;

/// <summary>
/// Writes errors as HTTP has them: a status, and in JSON the words of the gRPC call. Below <c>/v2</c> they have the form of the Open Inference Protocol, elsewhere that of RFC 9457.
/// </summary>
internal static class HttpErrors
{
    private static readonly object Written = new();

    /// <summary>What the caller of a request that has ended was told.</summary>
    public static StatusCode StatusOf(HttpContext context) => context.Items.TryGetValue(Written, out object? status) ? (StatusCode)status! : StatusCode.OK;

    /// <summary>Says that nobody is left to be answered.</summary>
    public static void GiveUp(HttpContext context) => context.Items[Written] = StatusCode.Cancelled;

    /// <summary>Writes the whole reply.</summary>
    /// <param name="context">Whose response has not begun.</param>
    public static Task WriteAsync(HttpContext context, ServerError error)
    {
        context.Items[Written] = error.Status;
        context.Response.StatusCode = error.HttpStatus ?? StatusOf(error.Status);
        if (error.Refusal is { } refusal)
        {
            context.Response.Headers.RetryAfter = Math.Ceiling(refusal.RetryAfter.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        if (context.Request.Path.StartsWithSegments(InferEndpoints.BasePath))
        {
            return ResponseHeaders.WriteAsync(context, "application/json", JsonSerializer.SerializeToUtf8Bytes(new InferenceProblem(error.Message), ErrorJson.Readable.InferenceProblem));
        }

        string? field = error.Status is StatusCode.InvalidArgument or StatusCode.NotFound && error.Message.IndexOf(": ", StringComparison.Ordinal) is > 0 and int end ? error.Message[..end] : null;
        var problem = new HttpProblem(StatusNames.Of(error.Status), context.Response.StatusCode, error.Message, field);
        return ResponseHeaders.WriteAsync(context, "application/problem+json", JsonSerializer.SerializeToUtf8Bytes(problem, ErrorJson.Readable.HttpProblem));
    }

    /// <summary>The error for a status that the framework answered with and nothing else: there is no such path.</summary>
    public static ServerError Of(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => ServerError.NotFound($"there is nothing at {ServerError.Quote(context.Request.Path)}"),
        int other => new ServerError(other < StatusCodes.Status500InternalServerError ? StatusCode.InvalidArgument : StatusCode.Internal, $"the request was answered with {other}") { HttpStatus = other },
    };

    private static int StatusOf(StatusCode status) => status switch
    {
        StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        StatusCode.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        _ => StatusCodes.Status500InternalServerError,
    };
}

/// <summary>Turns what an endpoint of the HTTP port throws into what its caller is told; gRPC has <see cref="GrpcErrorInterceptor"/> for that.</summary>
internal sealed class HttpErrorMiddleware(RequestDelegate next, ILogger<HttpErrorMiddleware> logger)
{
    /// <summary>Answers a request, whatever is wrong with it.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<HttpPortOnly>() is null)
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            HttpErrors.GiveUp(context);
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            ServerError? error = ServerError.From(exception, context.Request.Path);
            if (error is null || error.Status == StatusCode.Internal)
            {
                Hosting.Log.CallFailed(logger, context.Request.Path, exception);
            }

            await HttpErrors.WriteAsync(context, error ?? new ServerError(StatusCode.Internal, ServerError.FaultDetail, exception)).ConfigureAwait(false);
        }
    }
}

/// <summary>Why a request was not answered, as RFC 9457 has it.</summary>
/// <param name="Title">The gRPC status that the same request would have got, for example <c>INVALID_ARGUMENT</c>.</param>
/// <param name="Status">Of HTTP.</param>
/// <param name="Detail">As the gRPC call says it: the field in error and its limit.</param>
/// <param name="Field">That is in error, the first where there are several; null where none is.</param>
internal sealed record HttpProblem(
    string Title,
    int Status,
    string Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Field);

/// <summary>Why a request was not answered, as the Open Inference Protocol has it.</summary>
/// <param name="Error">As the gRPC call says it.</param>
internal sealed record InferenceProblem(string Error);

/// <summary>Writes errors without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HttpProblem))]
[JsonSerializable(typeof(InferenceProblem))]
internal sealed partial class ErrorJson : JsonSerializerContext
{
    /// <summary>The default, without escaping what a page of HTML would need escaped: replies say that they are JSON, and that nobody is to guess otherwise.</summary>
    public static ErrorJson Readable { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
