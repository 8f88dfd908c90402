using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using Grpc.Core;
using LCNet.V1;

namespace LCNet.Client.Internal;

/// <summary>One stream of a bulk call. Used once.</summary>
/// <param name="unsent">Requests to be sent, shared with other streams.</param>
/// <param name="limit">Requests of this stream that may be under way.</param>
/// <param name="take">Gets each reply, with the request that it answers.</param>
internal sealed class BulkStream(ChannelReader<BulkItem> unsent, int limit, Action<BulkItem, ClassifyStreamResponse> take) : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<long, BulkItem> _unanswered = new();
    private readonly SemaphoreSlim _room = new(limit);
    private readonly CancellationTokenSource _leaving = new();

    /// <summary>Replies that have come.</summary>
    public int Answered { get; private set; }

    /// <summary>Whether its server does not take requests any more: nothing more was sent to it than it had by then.</summary>
    public bool IsLeaving => _leaving.IsCancellationRequested;

    /// <summary>Requests that were sent, or were about to be, and got no reply. For after the stream has ended.</summary>
    public IEnumerable<BulkItem> Unanswered => _unanswered.Values;

    /// <summary>Runs the stream until nothing is left to be sent and every reply has come.</summary>
    /// <exception cref="RpcException">The stream failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task RunAsync(Classifier.ClassifierClient client, CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call = client.ClassifyStream(cancellationToken: end.Token);
        Task<Exception?> sending = SendAsync(call.RequestStream, end);
        try
        {
            await ReceiveAsync(call.ResponseStream).ConfigureAwait(false);
            await end.CancelAsync().ConfigureAwait(false);
            await OutcomeAsync(sending).ConfigureAwait(false);
        }
        catch (RpcException exception)
        {
            await end.CancelAsync().ConfigureAwait(false);
            Exception? unsendable = await OutcomeAsync(sending).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            if (exception.StatusCode == StatusCode.Cancelled && unsendable is not (null or OperationCanceledException))
            {
                // It was this side that ended the call.
                throw unsendable as RpcException ?? new RpcException(new Status(StatusCode.Internal, unsendable.Message, unsendable));
            }

            throw;
        }

        if (!_unanswered.IsEmpty)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"the stream ended with {_unanswered.Count} requests unanswered"));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _room.Dispose();
        _leaving.Dispose();
    }

    // A write of a call that is over may never end: now and then the HTTP stack goes on waiting for room on a stream that the server has closed. Then it is left behind.
    private static async Task<Exception?> OutcomeAsync(Task<Exception?> sending) =>
        await Task.WhenAny(sending, Task.Delay(Grace, CancellationToken.None)).ConfigureAwait(false) == sending ? await sending.ConfigureAwait(false) : null;

    // Gives what it failed with. Mostly it is the call that has failed, and receiving is about to say why; where it does not, this ends the call.
    private async Task<Exception?> SendAsync(IClientStreamWriter<ClassifyRequest> requests, CancellationTokenSource end)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(end.Token, _leaving.Token);
        try
        {
            while (await HasNextAsync(wait.Token).ConfigureAwait(false))
            {
                if (!unsent.TryRead(out BulkItem? item))
                {
                    // Another stream was faster.
                    _room.Release();
                    continue;
                }

                _unanswered[item.Number] = item;
                await requests.WriteAsync(item.Send(), end.Token).ConfigureAwait(false);
            }

            await requests.CompleteAsync().ConfigureAwait(false);
            return null;
        }
        catch (Exception exception)
        {
            try
            {
                end.CancelAfter(Grace);
            }
            catch (ObjectDisposedException)
            {
                // It was left behind.
            }

            return exception;
        }
    }

    private async Task<bool> HasNextAsync(CancellationToken wait)
    {
        try
        {
            if (!await unsent.WaitToReadAsync(wait).ConfigureAwait(false))
            {
                return false;
            }

            await _room.WaitAsync(wait).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (IsLeaving)
        {
            return false;
        }
    }

    private async Task ReceiveAsync(IAsyncStreamReader<ClassifyStreamResponse> replies)
    {
        while (await replies.MoveNext(CancellationToken.None).ConfigureAwait(false))
        {
            ClassifyStreamResponse reply = replies.Current;
            if (!long.TryParse(reply.Id, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || !_unanswered.TryRemove(number, out BulkItem? item))
            {
                throw new RpcException(new Status(StatusCode.Internal, "the server answered a request that it was not sent"));
            }

            Answered++;
            if (reply.Error?.Code == (int)StatusCode.Unavailable)
            {
                // What is sent again would come back here: a server that refuses is faster than those that work.
                await _leaving.CancelAsync().ConfigureAwait(false);
            }

            _room.Release();
            take(item, reply);
        }
    }
}
