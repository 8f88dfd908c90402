using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.V1;

namespace LCNet.Cli.Load;

/// <summary>Sends requests to a server and keeps what became of each. One run at a time.</summary>
internal sealed class LoadRun : IDisposable
{
    private readonly LoadSettings _settings;
    private readonly List<IDisposable> _connections;
    private readonly ILoadCalls _calls;
    private ConcurrentBag<LoadSample> _samples = [];

    private LoadRun(LoadSettings settings, List<IDisposable> connections, Model model, ILoadCalls calls)
    {
        _settings = settings;
        _connections = connections;
        _calls = calls;
        Model = model;
    }

    /// <summary>The server's only model.</summary>
    public Model Model { get; }

    /// <summary>Connects, and asks the server for its only model.</summary>
    /// <exception cref="RpcException">The server does not answer, or has several models.</exception>
    public static async Task<LoadRun> StartAsync(LoadSettings settings, LoadImages images, CancellationToken cancellation)
    {
        List<GrpcChannel> channels = [.. Enumerable.Range(0, settings.Connections).Select(
            _ => GrpcChannel.ForAddress(settings.Server, new GrpcChannelOptions { HttpHandler = Handler(settings), DisposeHttpClient = true }))];
        List<HttpClient> clients = settings.Http is { } http ? [.. channels.Select(_ => new HttpClient(Handler(settings)) { BaseAddress = http })] : [];
        List<IDisposable> connections = [.. channels, .. clients];
        try
        {
            Model model = await new Classifier.ClassifierClient(channels[0]).GetModelAsync(
                new GetModelRequest(), deadline: DateTime.UtcNow + settings.Deadline, cancellationToken: cancellation);
            ILoadCalls calls = clients.Count > 0 ? new HttpCalls(clients, images, settings.Effort)
                : settings.Batch == 1 ? new ClassifyCalls(channels, images, settings.Effort)
                : new InferCalls(channels, images, settings.Batch, model.Name, settings.Effort);
            return new LoadRun(settings, connections, model, calls);
        }
        catch
        {
            connections.ForEach(connection => connection.Dispose());
            throw;
        }
    }

    /// <summary>Sends the next request as soon as one is answered, so many at a time, for so long.</summary>
    public Task<IReadOnlyCollection<LoadSample>> CloseAsync(TimeSpan duration, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        return CloseAsync(_ => Stopwatch.GetElapsedTime(began) < duration, cancellation);
    }

    /// <summary>Sends the next request as soon as one is answered, so many at a time, and so many in all.</summary>
    public Task<IReadOnlyCollection<LoadSample>> CloseAsync(int requests, CancellationToken cancellation) => CloseAsync(number => number < requests, cancellation);

    /// <summary>
    /// Sends requests at the moments of a Poisson process, decided beforehand: never later for the server's being slow, and what is late nevertheless
    /// counts as the request's latency. Then waits for the last of them.
    /// </summary>
    public async Task<IReadOnlyCollection<LoadSample>> OpenAsync(double rate, TimeSpan duration, CancellationToken cancellation)
    {
        _samples = [];
        var random = new Random(_settings.Seed);
        var pending = new ConcurrentDictionary<int, Task>();
        await Task.Factory.StartNew(
            () =>
            {
                long began = Stopwatch.GetTimestamp();
                double due = 0;
                for (int i = 0; ; i++)
                {
                    due -= Math.Log(1 - random.NextDouble()) / rate;
                    if (due >= duration.TotalSeconds || cancellation.IsCancellationRequested)
                    {
                        return;
                    }

                    while (Stopwatch.GetElapsedTime(began).TotalSeconds < due)
                    {
                        Thread.Sleep(1);
                    }

                    int number = i;
                    Task sent = SendAsync(number, due, began, cancellation);
                    if (!sent.IsCompleted)
                    {
                        pending[number] = sent;
                        _ = sent.ContinueWith(_ => pending.TryRemove(number, out Task? _), TaskScheduler.Default);
                    }
                }
            },
            cancellation,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        await Task.WhenAll(pending.Values);
        return _samples;
    }

    /// <inheritdoc/>
    public void Dispose() => _connections.ForEach(connection => connection.Dispose());

    private async Task<IReadOnlyCollection<LoadSample>> CloseAsync(Func<int, bool> goesOn, CancellationToken cancellation)
    {
        _samples = [];
        long began = Stopwatch.GetTimestamp();
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, _settings.Concurrency).Select(_ => Task.Run(
            async () =>
            {
                for (int number = Interlocked.Increment(ref next); goesOn(number) && !cancellation.IsCancellationRequested; number = Interlocked.Increment(ref next))
                {
                    await SendAsync(number, Stopwatch.GetElapsedTime(began).TotalSeconds, began, cancellation);
                }
            },
            cancellation)));
        return _samples;
    }

    private static SocketsHttpHandler Handler(LoadSettings settings)
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true, UseProxy = false };
        if (settings.From is { } from)
        {
            handler.ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    socket.Bind(new System.Net.IPEndPoint(from, 0));
                    await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

        return handler;
    }

    private async Task SendAsync(int number, double due, long began, CancellationToken cancellation)
    {
        double lag = Stopwatch.GetElapsedTime(began).TotalSeconds - due;
        var options = new CallOptions(deadline: DateTime.UtcNow + _settings.Deadline, cancellationToken: cancellation);
        LoadAnswer answer = await _calls.SendAsync(number, options).ConfigureAwait(false);
        double latency = Stopwatch.GetElapsedTime(began).TotalSeconds - due;
        _samples.Add(new LoadSample(due, lag, latency, answer));
    }
}
