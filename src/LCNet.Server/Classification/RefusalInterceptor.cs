using Grpc.Core;
using Grpc.Core.Interceptors;
using LCNet.Imaging;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>Turns what a call throws into the status that its caller gets. Whatever is not the caller's doing is logged and told to nobody else.</summary>
internal sealed class RefusalInterceptor(ILogger<RefusalInterceptor> logger, TimeProvider time) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not RpcException)
        {
            throw new RpcException(StatusOf(exception, context));
        }
    }

    private Status StatusOf(Exception exception, ServerCallContext context)
    {
        switch (exception)
        {
            case ImageFormatException:
                return new Status(StatusCode.InvalidArgument, $"encoded_image: {exception.Message}");
            case QueueFullException:
                return new Status(StatusCode.ResourceExhausted, exception.Message);
            case OperationCanceledException when context.CancellationToken.IsCancellationRequested:
                return time.GetUtcNow().UtcDateTime >= context.Deadline
                    ? new Status(StatusCode.DeadlineExceeded, "the deadline expired before the image ran")
                    : new Status(StatusCode.Cancelled, "the call was cancelled");
            default:
                Log.CallFailed(logger, context.Method, exception);
                UnreadableRequests.Exclude(context);
                return new Status(StatusCode.Internal, "the server failed; its log says why");
        }
    }
}
