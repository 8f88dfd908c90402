using Grpc.Core;
using Grpc.Core.Interceptors;
using LCNet.Server.Hosting;

namespace LCNet.Server.Errors;

/// <summary>Turns what a gRPC call throws into what its caller is told. A fault of the server's is left to <see cref="GrpcStatusMiddleware"/>.</summary>
internal sealed class GrpcErrorInterceptor(TimeProvider time) : Interceptor
{
    /// <summary>The error of a call that was cancelled, by its caller or by its deadline.</summary>
    public static ServerError GivenUp(ServerCallContext context, TimeProvider time) =>
        time.GetUtcNow().UtcDateTime >= context.Deadline ? ServerError.Expired() : new ServerError(StatusCode.Cancelled, ServerError.CancelledDetail);

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
        GrpcStatusMiddleware.Enter(context.GetHttpContext());
        try
        {
            return await handler().ConfigureAwait(false);
        }
        catch (RpcException exception) when (exception is { StatusCode: StatusCode.NotFound, Status.Detail: "" } && context.Method == HealthExtensions.CheckMethod)
        {
            // The framework's health service says no more than that.
            throw new RpcException(new Status(StatusCode.NotFound, HealthExtensions.NoService));
        }
        catch (Exception exception) when (exception is not RpcException && Find(exception, context) is { } error)
        {
            throw GrpcErrors.ToException(error);
        }
    }

    private static async Task<bool> Valued(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    private ServerError? Find(Exception exception, ServerCallContext context) =>
        exception is OperationCanceledException && context.CancellationToken.IsCancellationRequested ? GivenUp(context, time) : ServerError.From(exception, context.Method);
}
