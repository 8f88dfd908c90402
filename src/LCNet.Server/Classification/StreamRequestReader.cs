using Grpc.Core;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>Reads the requests of a stream, and says in a status of ours why none can be read any more. Not thread-safe.</summary>
/// <param name="requests">From the caller.</param>
/// <param name="context">The call.</param>
/// <param name="limit">Most bytes of a request.</param>
/// <param name="draining">Ends the stream.</param>
internal sealed class StreamRequestReader(IAsyncStreamReader<ClassifyRequest> requests, ServerCallContext context, int limit, CancellationToken draining)
{
    /// <summary>Reads the next request.</summary>
    /// <returns>Null after the last.</returns>
    /// <exception cref="ServerError">INVALID_ARGUMENT: it cannot be read. UNAVAILABLE: the server drains.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, or the call was.</exception>
    public async Task<ClassifyRequest?> NextAsync(CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, draining);
        try
        {
            return await requests.MoveNext(either.Token).ConfigureAwait(false) ? requests.Current : null;
        }
        catch (Exception exception)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            throw exception switch
            {
                OperationCanceledException when draining.IsCancellationRequested => ServerError.Draining(),
                RpcException { StatusCode: StatusCode.ResourceExhausted } => ServerError.MessageTooLarge(limit),
                RpcException { StatusCode: StatusCode.Internal } unread => ServerError.InvalidArgument(unread.Status.Detail),

                _ when GrpcStatusMiddleware.IsUnreadable(exception) => ServerError.NotAMessage(context.Method),

                // The caller has gone, which the call's token may say a moment later.
                InvalidOperationException or IOException => ServerError.Over(exception),
                _ => exception,
            };
        }
    }
}
