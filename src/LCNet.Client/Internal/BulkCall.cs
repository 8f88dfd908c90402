using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Grpc.Core;
using LCNet.V1;

namespace LCNet.Client.Internal;

/// <summary>
/// Classifies many images: one task reads the source while there is room, others keep a stream each and share what is to be sent. A request has
/// its room until the reader takes its reply.
/// </summary>
internal sealed class BulkCall : IDisposable
{
    // How long a source may take to end that is told to.
    private static readonly TimeSpan SourceGrace = TimeSpan.FromSeconds(1);

    private readonly Classifier.ClassifierClient _client;
    private readonly LcNetClientOptions _options;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop;
    private readonly CancellationToken _stopped;
    private readonly SemaphoreSlim _room;
    private readonly Channel<BulkItem> _unsent = Channel.CreateUnbounded<BulkItem>();
    private readonly Channel<ClassifyStreamResponse> _replies = Channel.CreateUnbounded<ClassifyStreamResponse>();

    // Requests without a reply; the source counts as one of them until it ends.
    private int _open = 1;

    // Streams that have failed since the latest answer on any of them.
    private int _failed;

    private BulkCall(Classifier.ClassifierClient client, LcNetClientOptions options, TimeProvider time, CancellationTokenSource stop)
    {
        _client = client;
        _options = options;
        _time = time;
        _stop = stop;
        _stopped = stop.Token;
        _room = new SemaphoreSlim(options.MaxInFlight);
    }

    /// <summary>Runs the call while its replies are read.</summary>
    public static async IAsyncEnumerable<ClassifyStreamResponse> RunAsync(
        Classifier.ClassifierClient client,
        LcNetClientOptions options,
        TimeProvider time,
        IAsyncEnumerable<ClassifyRequest> requests,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = new BulkCall(client, options, time, stop);
        Task work = call.WorkAsync(requests);
        try
        {
            await foreach (ClassifyStreamResponse reply in call._replies.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                call._room.Release();
                yield return reply;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _room.Dispose();

    // Nothing was run.
    private static bool IsTransient(StatusCode status) => status is StatusCode.Unavailable or StatusCode.ResourceExhausted;

    // Not a status that the server sent, but what became of the connection.
    private static bool IsBroken(RpcException exception) => exception.Status.DebugException is IOException or HttpRequestException;

    // Never throws: what fails is told to who reads the replies.
    private async Task WorkAsync(IAsyncEnumerable<ClassifyRequest> requests)
    {
        Task[] tasks = [ReadSourceWhileWantedAsync(requests), .. Enumerable.Range(0, _options.Streams).Select(_ => KeepStreamAsync())];
        Exception? failure = null;
        await foreach (Task task in Task.WhenEach(tasks).ConfigureAwait(false))
        {
            if (!task.IsCompletedSuccessfully)
            {
                failure ??= task.Exception?.InnerException ?? new OperationCanceledException(_stopped);
                await _stop.CancelAsync().ConfigureAwait(false);
            }
        }

        _replies.Writer.TryComplete(failure);
    }

    // A source that does not heed cancellation is left behind; it is disposed of once it comes back.
    private async Task ReadSourceWhileWantedAsync(IAsyncEnumerable<ClassifyRequest> requests)
    {
        var reading = Task.Run(() => ReadSourceAsync(requests));
        try
        {
            await reading.WaitAsync(_stopped).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!reading.IsCompleted)
        {
            await Task.WhenAny(reading, Task.Delay(SourceGrace, CancellationToken.None)).ConfigureAwait(false);
            throw;
        }
    }

    private async Task ReadSourceAsync(IAsyncEnumerable<ClassifyRequest> requests)
    {
        IAsyncEnumerator<ClassifyRequest> source = requests.GetAsyncEnumerator(_stopped);
        await using (source.ConfigureAwait(false))
        {
            for (long number = 0; ; number++)
            {
                _stopped.ThrowIfCancellationRequested();
                await _room.WaitAsync(_stopped).ConfigureAwait(false);
                if (!await source.MoveNextAsync().ConfigureAwait(false))
                {
                    break;
                }

                Interlocked.Increment(ref _open);
                _unsent.Writer.TryWrite(new BulkItem(number, source.Current ?? throw new InvalidOperationException($"Request {number} is null.")));
            }
        }

        Close();
    }

    // Opens a stream once there is something to send, and another one where it breaks.
    private async Task KeepStreamAsync()
    {
        int room = (_options.MaxInFlight + _options.Streams - 1) / _options.Streams;
        int failures = 0;
        while (await _unsent.Reader.WaitToReadAsync(_stopped).ConfigureAwait(false))
        {
            using var stream = new BulkStream(_unsent.Reader, room, Take);
            try
            {
                await stream.RunAsync(_client, _stopped).ConfigureAwait(false);
                if (stream.IsLeaving)
                {
                    // It drains, which takes a while; other streams go on with what is unsent.
                    await Task.Delay(Backoff.After(_options, _options.MaxAttempts), _time, _stopped).ConfigureAwait(false);
                }
            }
            catch (RpcException exception) when (IsTransient(exception.StatusCode) || IsBroken(exception))
            {
                // While others are answered, a server that drains is no reason to give up.
                failures = stream.Answered > 0 ? 1 : failures + 1;
                if (Interlocked.Increment(ref _failed) >= _options.MaxAttempts * _options.Streams)
                {
                    throw;
                }

                await Task.Delay(Backoff.After(_options, failures), _time, _stopped).ConfigureAwait(false);
                foreach (BulkItem item in stream.Unanswered)
                {
                    if (stream.Answered == 0 && !IsBroken(exception))
                    {
                        item.TakeBack();
                    }

                    SendAgain(item, item.Fail(exception.Status));
                }
            }
        }
    }

    // A reply has come.
    private void Take(BulkItem item, ClassifyStreamResponse reply)
    {
        if (reply.Error is { } error && IsTransient((StatusCode)error.Code) && item.Attempts < _options.MaxAttempts)
        {
            _ = SendLaterAsync(item);
        }
        else
        {
            Volatile.Write(ref _failed, 0);
            Answer(item.Answer(reply));
        }
    }

    private async Task SendLaterAsync(BulkItem item)
    {
        try
        {
            await Task.Delay(Backoff.After(_options, item.Attempts), _time, _stopped).ConfigureAwait(false);
            _unsent.Writer.TryWrite(item);
        }
        catch (OperationCanceledException)
        {
            // The call is at its end.
        }
    }

    private void SendAgain(BulkItem item, ClassifyStreamResponse otherwise)
    {
        if (item.Attempts < _options.MaxAttempts)
        {
            _unsent.Writer.TryWrite(item);
        }
        else
        {
            Answer(otherwise);
        }
    }

    private void Answer(ClassifyStreamResponse reply)
    {
        _replies.Writer.TryWrite(reply);
        Close();
    }

    private void Close()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _unsent.Writer.TryComplete();
        }
    }
}
