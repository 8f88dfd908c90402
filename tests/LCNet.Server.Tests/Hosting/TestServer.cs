using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.Server.Hosting;
using LCNet.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LCNet.Server.Tests;

/// <summary>The real server in this process, on free ports of the loopback address, and a client of it.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly GrpcChannel _channel;
    private readonly LogCapture _log;

    private TestServer(WebApplication app, LogCapture log)
    {
        App = app;
        _log = log;
        ServerEndpoints endpoints = app.Services.GetRequiredService<ServerEndpoints>();
        GrpcAddress = new Uri($"http://{endpoints.Grpc}");
        _channel = GrpcChannel.ForAddress(GrpcAddress, new GrpcChannelOptions { MaxSendMessageSize = null });
        Http = new HttpClient { BaseAddress = new Uri($"http://{endpoints.Http}") };
        Client = new Classifier.ClassifierClient(_channel);
    }

    public WebApplication App { get; }

    /// <summary>What the server logged as an error and no test has cleared.</summary>
    public ConcurrentQueue<string> Errors => _log.Errors;

    public Uri GrpcAddress { get; }

    public ChannelBase Channel => _channel;

    public Classifier.ClassifierClient Client { get; }

    public HttpClient Http { get; }

    /// <summary>A moment that no test that works comes near.</summary>
    public static DateTime Deadline => DateTime.UtcNow.AddMinutes(5);

    /// <summary>Starts a server over a model folder.</summary>
    /// <param name="models">The folder.</param>
    /// <param name="settings">More settings, as <c>Name=value</c>.</param>
    public static Task<TestServer> StartAsync(string models, params string[] settings) => StartAsync(models, null, settings);

    /// <summary>Starts a server with services of the test's.</summary>
    public static async Task<TestServer> StartAsync(string models, Action<IServiceCollection>? configure, params string[] settings)
    {
        var log = new LogCapture();
        WebApplication app = ServerHost.Build(
            [.. Arguments(models), "--LCNet:LogLevel=Warning", .. settings.Select(setting => $"--LCNet:{setting}")],
            services =>
            {
                services.AddSingleton<ILoggerProvider>(log);
                configure?.Invoke(services);
            });
        await app.StartAsync();
        return new TestServer(app, log);
    }

    /// <summary>
    /// Command line of a server on free ports of the loopback address. What waits for a machine that is busy with other tests is neither refused nor
    /// given less effort, nor does an image run twice by chance, unless a test asks for that.
    /// </summary>
    public static string[] Arguments(string models) =>
    [
        $"--LCNet:Models={models}", "--LCNet:BindAddress=127.0.0.1", "--LCNet:GrpcPort=0", "--LCNet:HttpPort=0",
        "--LCNet:QueueObjective=01:00:00", "--LCNet:Brownout=false", "--LCNet:ShadowRate=0",
    ];

    public async Task<ClassifyResponse> ClassifyAsync(ClassifyRequest request) =>
        await Client.ClassifyAsync(request, deadline: Deadline, cancellationToken: TestContext.Current.CancellationToken);

    /// <summary>Classifies, and gives the status whatever it is.</summary>
    public async Task<Status> StatusOfAsync(ClassifyRequest request)
    {
        try
        {
            await ClassifyAsync(request);
            return Status.DefaultSuccess;
        }
        catch (RpcException exception)
        {
            return exception.Status;
        }
    }

    /// <summary>Checks that a request is refused with a code and a message that has all of some parts, and that the server goes on.</summary>
    public async Task AssertRefusedAsync(ClassifyRequest request, StatusCode code, params string[] parts)
    {
        Status status = await StatusOfAsync(request);
        Assert.Equal(code, status.StatusCode);
        Assert.All(parts, part => Assert.Contains(part, status.Detail, StringComparison.Ordinal));
        ClassifyRequest good = TestImages.Png(1);
        good.Model = ServerFixture.Model;
        Assert.Equal(StatusCode.OK, (await StatusOfAsync(good)).StatusCode);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        _channel.Dispose();
        await App.DisposeAsync();
        Assert.Empty(Errors);
    }
}
