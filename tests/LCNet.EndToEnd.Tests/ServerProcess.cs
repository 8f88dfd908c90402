using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Grpc.Net.Client;
using LCNet.V1;

[assembly: AssemblyFixture(typeof(LCNet.EndToEnd.Tests.ServerProcess))]

namespace LCNet.EndToEnd.Tests;

/// <summary>The server as the README starts it, on free ports.</summary>
public sealed class ServerProcess : IAsyncLifetime
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(90);
    private readonly string[] _settings = [];
    private readonly StringBuilder _output = new();
    private Process? _process;
    private GrpcChannel? _channel;

    /// <summary>Serves what the repository ships.</summary>
    public ServerProcess()
    {
    }

    /// <summary>Serves with settings of its own, each as <c>Name=value</c>.</summary>
    internal ServerProcess(params string[] settings) => _settings = settings;

    /// <summary>Address of the gRPC port.</summary>
    public string Address { get; private set; } = string.Empty;

    /// <summary>The port of <c>/metrics</c>.</summary>
    public int HttpPort { get; private set; }

    /// <summary>The server's own process, which <c>dotnet run</c> has started; Linux only.</summary>
    public string ProcessId => File.ReadAllText($"/proc/{_process!.Id}/task/{_process.Id}/children").Split(' ')[0];

    /// <summary>A client of it.</summary>
    public Classifier.ClassifierClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        int grpc = FreePort();
        int http = FreePort();
        _process = Repository.Start("LCNet.Server", _settings.Select(setting => $"--LCNet:{setting}"), new Dictionary<string, string>
        {
            ["LCNet__GrpcPort"] = grpc.ToString(CultureInfo.InvariantCulture),
            ["LCNet__HttpPort"] = http.ToString(CultureInfo.InvariantCulture),

            // A machine that is busy with other tests is no reason to answer otherwise.
            ["LCNet__QueueObjective"] = "01:00:00",
            ["LCNet__Brownout"] = "false",
        });
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await WaitUntilReady(http);
        HttpPort = http;
        Address = $"http://127.0.0.1:{grpc}";
        _channel = GrpcChannel.ForAddress(Address);
        Client = new Classifier.ClassifierClient(_channel);
    }

    public ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        _process?.Kill(entireProcessTree: true);
        _process?.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Classifies one file.</summary>
    public async Task<ClassifyResponse> ClassifyAsync(string file, Action<ClassifyRequest>? change = null)
    {
        var request = new ClassifyRequest { EncodedImage = ByteString.CopyFrom(await File.ReadAllBytesAsync(file)) };
        change?.Invoke(request);
        return await Client.ClassifyAsync(request, deadline: DateTime.UtcNow.AddSeconds(30));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_output)
        {
            _output.AppendLine(line.Data);
        }
    }

    private async Task WaitUntilReady(int http)
    {
        using var client = new HttpClient();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < StartLimit && !_process!.HasExited)
        {
            try
            {
                if ((await client.GetAsync(new Uri($"http://127.0.0.1:{http}/readyz"))).IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(100);
        }

        lock (_output)
        {
            throw new InvalidOperationException($"The server is not ready after {clock.Elapsed}:\n{_output}");
        }
    }
}
