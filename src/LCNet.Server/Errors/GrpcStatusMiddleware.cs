using System.Globalization;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;
using Microsoft.AspNetCore.Http.Features;

namespace LCNet.Server.Errors;

/// <summary>
/// Puts right the status of calls that fail outside our code. gRPC reads a message before any interceptor sees the call, and answers INTERNAL,
/// UNKNOWN or RESOURCE_EXHAUSTED where that fails: INVALID_ARGUMENT, as it is the caller's doing. Whatever else gRPC answers UNKNOWN to is a
/// fault of the server: it is logged, and told to nobody else.
/// </summary>
internal sealed class GrpcStatusMiddleware(RequestDelegate next, ServerOptions options, ILogger<GrpcStatusMiddleware> logger)
{
    private const string StatusHeader = "grpc-status";
    private const string MessageHeader = "grpc-message";
    private static readonly TimeSpan AbortDelay = TimeSpan.FromMilliseconds(200);
    private static readonly object Entered = new();
    private static readonly string Unknown = Text(StatusCode.Unknown);
    private static readonly string Internal = Text(StatusCode.Internal);
    private static readonly string Unimplemented = Text(StatusCode.Unimplemented);
    private static readonly string ResourceExhausted = Text(StatusCode.ResourceExhausted);

    /// <summary>Puts right the status of every gRPC call.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        await next(context).ConfigureAwait(false);
        if (Headers(context) is not { } headers)
        {
            return;
        }

        if (headers[StatusHeader] == Unknown)
        {
            await CorrectUnknownAsync(context, headers).ConfigureAwait(false);
        }
        else if (!context.Items.ContainsKey(Entered))
        {
            CorrectUnread(context, headers, options.RequestLimit);
        }
    }

    /// <summary>Says that a call's status is meant, as its handler was entered or it was refused before: what fails from now on is no unreadable request.</summary>
    public static void Enter(HttpContext context) => context.Items[Entered] = Entered;

    /// <summary>What the caller of a call that has ended is told; UNKNOWN where that is nothing.</summary>
    public static StatusCode StatusOf(HttpContext context)
    {
        // A reply that was nothing but a status has it in its headers, whether they are sent by now or not.
        string? text = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers?[StatusHeader].ToString();
        text = string.IsNullOrEmpty(text) ? context.Response.Headers[StatusHeader].ToString() : text;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int status) && status < StatusNames.Count
            ? (StatusCode)status
            : StatusCode.Unknown;
    }

    /// <summary>Whether a message was read whole and is none: what protobuf and decompression throw. Anything else that reading throws is about the connection.</summary>
    public static bool IsUnreadable(Exception? exception) => exception is InvalidProtocolBufferException or InvalidDataException;

    private async Task CorrectUnknownAsync(HttpContext context, IHeaderDictionary headers)
    {
        Exception? exception = context.Features.Get<IServerCallContextFeature>()?.ServerCallContext.Status.DebugException;
        bool isRead = context.Items.ContainsKey(Entered);
        if (!isRead && IsUnreadable(exception))
        {
            Set(headers, ServerError.NotAMessage(context.Request.Path));
            return;
        }

        // What reading and writing throw where the caller has gone, in the middle of its message perhaps. Nobody is left to be answered.
        if ((!isRead && exception is IOException or OperationCanceledException)
            || (exception is IOException or OperationCanceledException or InvalidOperationException && await IsAbortedAsync(context).ConfigureAwait(false)))
        {
            Set(headers, StatusCode.Cancelled, ServerError.CancelledDetail);
            return;
        }

        Log.CallFailed(logger, context.Request.Path, exception);
        Set(headers, StatusCode.Internal, ServerError.FaultDetail);
    }

    // Kestrel ends a call's reading and writing first, and says so by the call's token from another thread a moment later.
    private static async Task<bool> IsAbortedAsync(HttpContext context)
    {
        await Task.Delay(AbortDelay, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return context.RequestAborted.IsCancellationRequested;
    }

    private static void CorrectUnread(HttpContext context, IHeaderDictionary headers, int limit)
    {
        if (headers[StatusHeader] == Internal && context.RequestAborted.IsCancellationRequested)
        {
            Set(headers, StatusCode.Cancelled, ServerError.CancelledDetail);
        }
        else if (headers[StatusHeader] == Internal)
        {
            // For example that the message is incomplete; gRPC's own words say it best.
            Set(headers, StatusCode.InvalidArgument, headers[MessageHeader].ToString());
        }
        else if (headers[StatusHeader] == Unimplemented)
        {
            Set(headers, StatusCode.Unimplemented, $"{ServerError.Quote(context.Request.Path)} is not implemented");
        }
        else if (headers[StatusHeader] == ResourceExhausted)
        {
            Set(headers, ServerError.MessageTooLarge(limit));
        }
    }

    private static void Set(IHeaderDictionary headers, ServerError error) => Set(headers, error.Status, error.Message);

    private static void Set(IHeaderDictionary headers, StatusCode status, string message)
    {
        headers[StatusHeader] = Text(status);
        headers[MessageHeader] = message;
    }

    // gRPC writes the status to the trailers once the headers are sent.
    private static IHeaderDictionary? Headers(HttpContext context) =>
        context.Response.HasStarted ? context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : context.Response.Headers;

    private static string Text(StatusCode status) => ((int)status).ToString(CultureInfo.InvariantCulture);
}
