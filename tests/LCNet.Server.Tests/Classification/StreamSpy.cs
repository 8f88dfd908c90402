using Grpc.Core;
using Grpc.Core.Interceptors;

namespace LCNet.Server.Tests;

/// <summary>Counts on the server what streams read and write, sees how a stream's handler ends, and can hold replies back.</summary>
internal sealed class StreamSpy : Interceptor
{
    private readonly TaskCompletionSource<Exception?> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _gate = Opened();
    private int _read;
    private int _written;
    private int _mostInFlight;

    public int Read => Volatile.Read(ref _read);

    public int MostInFlight => Volatile.Read(ref _mostInFlight);

    /// <summary>What the first stream's handler threw, or null where it ended well.</summary>
    public Task<Exception?> Outcome => _outcome.Task.WaitAsync(TestContext.Current.CancellationToken);

    /// <summary>Whether writing fails as gRPC's own does once a call has expired, which its token says a moment later.</summary>
    public bool IsOver { get; init; }

    /// <summary>Holds replies back until <see cref="Open"/>.</summary>
    public void Close() => _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Open() => _gate.TrySetResult();

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(new Reader<TRequest>(this, requestStream), new Writer<TResponse>(this, responseStream), context);
            _outcome.TrySetResult(null);
        }
        catch (Exception exception)
        {
            _outcome.TrySetResult(exception);
            throw;
        }
    }

    private static TaskCompletionSource Opened()
    {
        var gate = new TaskCompletionSource();
        gate.SetResult();
        return gate;
    }

    private sealed class Reader<T>(StreamSpy spy, IAsyncStreamReader<T> inner) : IAsyncStreamReader<T>
    {
        public T Current => inner.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            bool more = await inner.MoveNext(cancellationToken);
            if (more)
            {
                // Reads come one after the other, so nobody else writes the maximum.
                int inFlight = Interlocked.Increment(ref spy._read) - Volatile.Read(ref spy._written);
                spy._mostInFlight = Math.Max(spy._mostInFlight, inFlight);
            }

            return more;
        }
    }

    private sealed class Writer<T>(StreamSpy spy, IServerStreamWriter<T> inner) : IServerStreamWriter<T>
    {
        public WriteOptions? WriteOptions
        {
            get => inner.WriteOptions;
            set => inner.WriteOptions = value;
        }

        public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

        public async Task WriteAsync(T message, CancellationToken cancellationToken)
        {
            await spy._gate.Task.WaitAsync(cancellationToken);
            if (spy.IsOver)
            {
                throw new InvalidOperationException("Can't write the message because the request is complete.");
            }

            await inner.WriteAsync(message, cancellationToken);
            Interlocked.Increment(ref spy._written);
        }
    }
}
