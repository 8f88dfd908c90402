using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using LCNet.V1;

namespace LCNet.Client.Tests;

/// <summary>Sits in a server: counts its calls, and makes those of the classifier fail as a test wants it.</summary>
internal sealed class Faults : Interceptor
{
    private int _calls;
    private int _streams;
    private int _replies;

    /// <summary>Unary calls so far.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public int Streams => Volatile.Read(ref _streams);

    /// <summary>Fails a unary call, by its number from 1; null lets it through.</summary>
    public Func<int, StatusCode?> OfCall { get; set; } = _ => null;

    public TimeSpan Delay { get; set; }

    /// <summary>Replies after which each stream breaks; 0 for never.</summary>
    public int BreakAfter { get; set; }

    /// <summary>Replaces a stream's reply, by its number from 1, with an error; null lets it through.</summary>
    public Func<int, StatusCode?> OfReply { get; set; } = _ => null;

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        int call = Interlocked.Increment(ref _calls);
        await Task.Delay(Delay, context.CancellationToken);
        return OfCall(call) is { } status ? throw new RpcException(new Status(status, "as the test wants it")) : await continuation(request, context);
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _streams);
        return continuation(requestStream, new Writer<TResponse>(this, responseStream), context);
    }

    private sealed class Writer<T>(Faults faults, IServerStreamWriter<T> inner) : IServerStreamWriter<T>
    {
        private int _written;

        public WriteOptions? WriteOptions
        {
            get => inner.WriteOptions;
            set => inner.WriteOptions = value;
        }

        public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

        public async Task WriteAsync(T message, CancellationToken cancellationToken)
        {
            if (faults.BreakAfter > 0 && _written == faults.BreakAfter)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "as the test wants it"));
            }

            _written++;
            T reply = faults.OfReply(Interlocked.Increment(ref faults._replies)) is { } status ? Refuse(message, status) : message;
            await inner.WriteAsync(reply, cancellationToken);
        }

        // The server's classes are another set of the same messages.
        private static T Refuse(T message, StatusCode status)
        {
            var server = (IMessage)message!;
            var own = ClassifyStreamResponse.Parser.ParseFrom(server.ToByteArray());
            own.Error = new Error { Code = (int)status, Message = "as the test wants it" };
            return (T)server.Descriptor.Parser.ParseFrom(own.ToByteArray());
        }
    }
}
