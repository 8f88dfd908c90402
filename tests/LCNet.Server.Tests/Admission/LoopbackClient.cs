using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>A client that comes from a loopback address of its own: to the server, somebody else.</summary>
internal sealed class LoopbackClient : IDisposable
{
    private readonly GrpcChannel _channel;

    public LoopbackClient(TestServer server, string address)
    {
        _channel = GrpcChannel.ForAddress(server.GrpcAddress, new GrpcChannelOptions { HttpHandler = Handler(address), DisposeHttpClient = true });
        Client = new Classifier.ClassifierClient(_channel);
    }

    /// <summary>Connects from an address.</summary>
    public static SocketsHttpHandler Handler(string address) => new()
    {
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    };

    public Classifier.ClassifierClient Client { get; }

    /// <summary>Keeps so many calls in flight until it is told to stop, whatever becomes of them.</summary>
    /// <returns>How many were refused for want of room.</returns>
    public async Task<int> FloodAsync(int calls, CancellationToken enough)
    {
        int refused = 0;
        await Task.WhenAll(Enumerable.Range(0, calls).Select(async seed =>
        {
            while (!enough.IsCancellationRequested)
            {
                try
                {
                    await Client.ClassifyAsync(TestImages.Png(seed), deadline: TestServer.Deadline, cancellationToken: TestContext.Current.CancellationToken);
                }
                catch (RpcException exception) when (exception.StatusCode == StatusCode.ResourceExhausted)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        }));
        return refused;
    }

    public void Dispose() => _channel.Dispose();
}
