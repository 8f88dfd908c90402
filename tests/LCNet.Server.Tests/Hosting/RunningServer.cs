using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>The server as a program of its own that takes calls, and a client of it: nothing else in this process is measured with it.</summary>
internal sealed partial class RunningServer : IDisposable
{
    private readonly ServerProgram _program;
    private readonly ConcurrentQueue<string> _log;
    private readonly GrpcChannel _channel;

    private RunningServer(ServerProgram program, ConcurrentQueue<string> log, Match endpoints)
    {
        _program = program;
        _log = log;
        GrpcAddress = new Uri($"http://{endpoints.Groups["grpc"].Value}");
        HttpAddress = new Uri($"http://{endpoints.Groups["http"].Value}");
        _channel = GrpcChannel.ForAddress(GrpcAddress);
        Client = new Classifier.ClassifierClient(_channel);
        Http = new HttpClient { BaseAddress = HttpAddress };
        _ = KeepReadingAsync();
    }

    public Uri GrpcAddress { get; }

    public Uri HttpAddress { get; }

    public ChannelBase Channel => _channel;

    public Classifier.ClassifierClient Client { get; }

    public HttpClient Http { get; }

    /// <summary>The lines of its log so far.</summary>
    public IReadOnlyCollection<string> Log => _log;

    /// <summary>Starts it, and waits until it takes calls.</summary>
    public static async Task<RunningServer> StartAsync(string models, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        await StartAsync(new ServerProgram(environment, [.. TestServer.Arguments(models), .. arguments]));

    /// <summary>Waits until a program takes calls.</summary>
    public static async Task<RunningServer> StartAsync(ServerProgram program)
    {
        var log = new ConcurrentQueue<string>();
        while (await program.ReadLineAsync() is { } line)
        {
            log.Enqueue(line);
            if (Endpoints().Match(line) is { Success: true } match)
            {
                return new RunningServer(program, log, match);
            }
        }

        (_, _, string[] errors) = await program.WaitAsync();
        program.Dispose();
        throw new InvalidOperationException($"The server did not start: {string.Join('\n', log.Concat(errors))}");
    }

    public async Task<ClassifyResponse> ClassifyAsync(ClassifyRequest request, Metadata? headers = null) =>
        await Client.ClassifyAsync(request, headers, TestServer.Deadline, TestContext.Current.CancellationToken);

    /// <summary>Classifies that many images, some at another effort.</summary>
    public async Task<ClassifyResponse[]> ClassifyManyAsync(int count, string model)
    {
        var replies = new ClassifyResponse[count];
        await Parallel.ForAsync(0, count, TestContext.Current.CancellationToken, async (i, _) =>
        {
            ClassifyRequest request = TestImages.Png(i);
            request.Model = model;
            request.Effort = i % 3 == 0 ? 0.4 : 1;
            replies[i] = await ClassifyAsync(request);
        });
        return replies;
    }

    /// <summary>Ends it as a crash would.</summary>
    public void Kill() => _program.Kill();

    /// <summary>Sends SIGTERM.</summary>
    public void Terminate() => _program.Terminate();

    /// <summary>Waits for it to end by itself.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> WaitAsync() => await _program.WaitForExitAsync();

    public void Dispose()
    {
        Http.Dispose();
        _channel.Dispose();
        _program.Dispose();
    }

    [GeneratedRegex(@"gRPC on \W*(?<grpc>[\d.]+:\d+)\W*, HTTP on \W*(?<http>[\d.]+:\d+)")]
    private static partial Regex Endpoints();

    // A program whose output nobody reads comes to a halt.
    private async Task KeepReadingAsync()
    {
        try
        {
            while (await _program.ReadLineAsync() is { } line)
            {
                _log.Enqueue(line);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // The test is over.
        }
    }
}
