using System.Runtime.ExceptionServices;
using Grpc.Core;
using LCNet.Server.Errors;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>
/// One call of <c>ClassifyStream</c>: reads requests while there is room for them, answers them at the same time, and writes each reply as it
/// is ready. A request takes its room until its reply is written, so a caller that does not read replies is not read from either. Used once.
/// </summary>
/// <param name="answer">Answers one request, and writes the reply with its second argument; throws only where that fails or the call is cancelled.</param>
internal sealed class ClassifyStreamCall(
    StreamRequestReader requests,
    IServerStreamWriter<ClassifyStreamResponse> replies,
    Func<ClassifyRequest, Func<ClassifyStreamResponse, Task>, Task> answer,
    int limit,
    CancellationToken cancellation) : IDisposable
{
    private readonly SemaphoreSlim _room = new(limit);
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _reading = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    private Exception? _failure;

    /// <summary>Runs the call: it ends once the requests have ended and the last reply is written.</summary>
    /// <exception cref="ServerError">No more requests can be read; those that were read have been answered.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public async Task RunAsync()
    {
        try
        {
            await ReadAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_failure is not null)
        {
            // A reply could not be written, which the caller of this method is told below.
        }
        finally
        {
            // What was read is answered, however reading ended.
            for (int i = 0; i < limit; i++)
            {
                await _room.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }

        cancellation.ThrowIfCancellationRequested();
        if (_failure is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _room.Dispose();
        _writing.Dispose();
        _reading.Dispose();
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            await _room.WaitAsync(_reading.Token).ConfigureAwait(false);
            ClassifyRequest? request = null;
            try
            {
                request = await requests.NextAsync(_reading.Token).ConfigureAwait(false);
                if (request is null)
                {
                    return;
                }
            }
            finally
            {
                if (request is null)
                {
                    _room.Release();
                }
            }

            // On another thread: the next one is to be read while this one is checked.
            _ = Task.Run(() => AnswerAsync(request), CancellationToken.None);
        }
    }

    private async Task AnswerAsync(ClassifyRequest request)
    {
        try
        {
            await answer(request, WriteAsync).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // A reply that cannot be written is the end of the call.
            Interlocked.CompareExchange(ref _failure, exception, null);
            await _reading.CancelAsync().ConfigureAwait(false);
        }
        finally
        {
            _room.Release();
        }
    }

    private async Task WriteAsync(ClassifyStreamResponse reply)
    {
        await _writing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await replies.WriteAsync(reply, cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException)
        {
            throw ServerError.Over(exception);
        }
        finally
        {
            _writing.Release();
        }
    }
}

/// <summary>Reads the requests of a stream, and says in a status of ours why none can be read any more. Not thread-safe.</summary>
/// <param name="limit">Most bytes of a request.</param>
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
