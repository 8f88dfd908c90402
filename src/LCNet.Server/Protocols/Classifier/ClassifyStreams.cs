using System.Diagnostics;
using Grpc.Core;
using LCNet.Runtime.Engine;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Hosting;
using LCNet.Server.Telemetry;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>Runs the calls of <c>ClassifyStream</c>, and measures each of their requests like a call of its own. Thread-safe.</summary>
internal sealed class ClassifyStreams(
    ServerOptions options, ServerMetrics metrics, CallDrain drain, TimeProvider time, IHostApplicationLifetime lifetime, ILogger<ClassifyStreams> logger)
{
    /// <summary>Runs one call to its end.</summary>
    /// <param name="answer">Answers one request, or throws what the unary call would.</param>
    /// <exception cref="ServerError">UNAVAILABLE: the server drains. INVALID_ARGUMENT: a message could not be read.</exception>
    /// <exception cref="OperationCanceledException">The caller is gone, or the deadline expired.</exception>
    public async Task RunAsync(
        IAsyncStreamReader<ClassifyRequest> requests,
        IServerStreamWriter<ClassifyStreamResponse> replies,
        Func<ClassifyRequest, MeasuredRequest, Task<ClassifyResponse>> answer,
        ServerCallContext context)
    {
        var reader = new StreamRequestReader(requests, context, options.RequestLimit, lifetime.ApplicationStopping);
        using var call = new ClassifyStreamCall(
            reader, replies, (request, write) => AnswerAsync(request, write, answer, context), options.StreamInFlight, context.CancellationToken);
        drain.Begin();
        try
        {
            await call.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            drain.End();
        }
    }

    private async Task AnswerAsync(
        ClassifyRequest request,
        Func<ClassifyStreamResponse, Task> write,
        Func<ClassifyRequest, MeasuredRequest, Task<ClassifyResponse>> answer,
        ServerCallContext context)
    {
        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Request);
        var measured = new MeasuredRequest(metrics);
        StatusCode? told = null;
        try
        {
            ClassifyStreamResponse reply = await ReplyAsync(request, measured, answer, context).ConfigureAwait(false);
            await write(reply).ConfigureAwait(false);
            told = (StatusCode)(reply.Error?.Code ?? 0);
        }
        finally
        {
            StatusCode status = told ?? GrpcErrorInterceptor.GivenUp(context, time).Status;
            measured.End(status);
            RequestSpan.End(status);
        }
    }

    // The unary call's outcome, whatever it is, as a message; only where the call has ended there is nobody to tell.
    private async Task<ClassifyStreamResponse> ReplyAsync(
        ClassifyRequest request,
        MeasuredRequest measured,
        Func<ClassifyRequest, MeasuredRequest, Task<ClassifyResponse>> answer,
        ServerCallContext context)
    {
        var reply = new ClassifyStreamResponse { Id = ClassifyRules.ShortId(request.Id) };
        try
        {
            reply.Response = await answer(request, measured).ConfigureAwait(false);
        }
        catch (Exception exception) when (!context.CancellationToken.IsCancellationRequested)
        {
            ServerError error = ServerError.From(exception, context.Method) ?? Fault(exception, context.Method);
            reply.Error = new Error { Code = (int)error.Status, Message = error.Message, Details = { GrpcErrors.Details(error).Details } };
        }

        return reply;
    }

    private ServerError Fault(Exception exception, string method)
    {
        Log.CallFailed(logger, method, exception);
        return new ServerError(StatusCode.Internal, ServerError.FaultDetail, exception);
    }
}
