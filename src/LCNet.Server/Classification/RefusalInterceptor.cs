using Grpc.Core;
using Grpc.Core.Interceptors;

namespace LCNet.Server;

/// <summary>Turns what a call throws into the status that its caller gets. What is not the caller's doing is left to <see cref="CallFailures"/>.</summary>
internal sealed class RefusalInterceptor(TimeProvider time) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, () => continuation(request, context));

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, () => continuation(requestStream, context));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, () => Valued(continuation(request, responseStream, context)));

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, () => Valued(continuation(requestStream, responseStream, context)));

    private async Task<T> RunAsync<T>(ServerCallContext context, Func<Task<T>> handler)
    {
        CallFailures.Enter(context.GetHttpContext());
        try
        {
            return await handler().ConfigureAwait(false);
        }
        catch (AdmissionRefusedException exception)
        {
            throw RefusalTexts.Exception(exception.Refusal);
        }
        catch (RpcException exception) when (exception is { StatusCode: StatusCode.NotFound, Status.Detail: "" } && context.Method == HealthExtensions.CheckMethod)
        {
            // The framework's health service says no more than that.
            throw new RpcException(new Status(StatusCode.NotFound, HealthExtensions.NoService));
        }
        catch (Exception exception) when (Refusal(exception, context) is { } status)
        {
            throw new RpcException(status);
        }
    }

    private static async Task<bool> Valued(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    private Status? Refusal(Exception exception, ServerCallContext context) => exception switch
    {
        RpcException => null,
        OperationCanceledException when context.CancellationToken.IsCancellationRequested =>
            Refusals.GivenUp(context, time),
        _ => Refusals.StatusOf(exception, context.Method),
    };
}
