using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text.Json.Nodes;
using LCNet.Bundles;
using LCNet.Server.Configuration;

namespace LCNet.Server.Tests;

public sealed class StartTests(ServerFixture fixture)
{
    [Fact]
    public async Task Start_FlippedByteInSegment_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(folder => Flip(Path.Combine(folder, "block_01.onnx")), "block_01.onnx");

    [Fact]
    public async Task Start_FlippedByteInManifest_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(folder => Flip(Path.Combine(folder, "bundle.json")), "bundle.json");

    [Fact]
    public async Task Start_MissingFile_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(folder => File.Delete(Path.Combine(folder, "head.onnx")), "head.onnx");

    [Fact]
    public async Task Start_UnknownFormat_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(
            folder =>
            {
                string path = Path.Combine(folder, "bundle.json");
                JsonNode manifest = JsonNode.Parse(File.ReadAllText(path))!;
                manifest["format"] = 2;
                File.WriteAllText(path, manifest.ToJsonString());
            },
            "bundle.json");

    [Fact]
    public async Task Start_SegmentsThatDoNotFitTogether_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(
            folder =>
            {
                File.Copy(Path.Combine(folder, "block_00.onnx"), Path.Combine(folder, "block_03.onnx"), overwrite: true);
                Bundle.Write(folder, fixture.Bundle.Manifest);
            },
            $"{ServerFixture.Model}/3 is refused: block_03.onnx does not run");

    [Fact]
    public async Task Start_WrongSettings_AreRefusedWithOneLineEach()
    {
        using var program = new ServerProgram("--LCNet:GrpcPort=none", "--LCNet:Workers=-1");

        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.Equal(2, errors.Length);
        Assert.Contains("FTL LCNet:Workers: '-1'", errors[0], StringComparison.Ordinal);
        Assert.Contains("FTL LCNet:GrpcPort: 'none'", errors[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PortInUse_IsRefusedNamingThePort()
    {
        int port = fixture.One.GrpcAddress.Port;
        using var program = new ServerProgram([.. TestServer.Arguments(fixture.OneModel), $"--LCNet:GrpcPort={port}"]);

        await AssertRefusedAsync(program, $"FTL LCNet:GrpcPort: Failed to bind to address http://127.0.0.1:{port}");
    }

    [Fact]
    public async Task Start_HttpPortInUse_IsRefusedNamingTheSetting()
    {
        int port = fixture.One.Http.BaseAddress!.Port;
        using var program = new ServerProgram([.. TestServer.Arguments(fixture.OneModel), $"--LCNet:HttpPort={port}"]);

        await AssertRefusedAsync(program, $"FTL LCNet:HttpPort: Failed to bind to address http://127.0.0.1:{port}");
    }

    [Theory]
    [InlineData("FTL --GrpcPort=7: there is no such option; --LCNet:GrpcPort is meant, perhaps", "--GrpcPort=7")]
    [InlineData("FTL --modle: there is no such option; --help lists all", "--modle=x")]
    [InlineData("FTL serve: there is no such option", "serve")]
    [InlineData("FTL /LCNet:GrpcPort=7: there is no such option", "/LCNet:GrpcPort=7")]
    [InlineData("FTL --urls=http://127.0.0.1:7: there is no such option", "--urls=http://127.0.0.1:7")]
    [InlineData("FTL --LCNet:GrpcPort: has no value", "--LCNet:GrpcPort")]
    [InlineData("FTL --LCNet:GrpcPort: has no value", "--LCNet:GrpcPort", "--LCNet:HttpPort=0")]
    [InlineData("FTL LCNet:Misspelt: there is no such setting", "--LCNet:Misspelt=1")]
    [InlineData("FTL --HttpPort: there is no such option", "--LCNet:GrpcPort", "0", "--HttpPort")]
    [InlineData("there is no such option", "--healthcheck", "--GrpcPort=7")]
    public async Task Start_UnknownOption_IsRefused(string problem, params string[] arguments)
    {
        using var program = new ServerProgram(arguments);

        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.Contains(problem.Replace("--modle:", "--modle=x:", StringComparison.Ordinal), Assert.Single(errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help", "--LCNet:BindAddress=127.0.0.1")]
    [InlineData("--LCNet:BindAddress=127.0.0.1", "-h")]
    public async Task Help_Asked_PrintsEverySettingWithItsDefaultAndStartsNothing(params string[] arguments)
    {
        using var program = new ServerProgram(arguments);

        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(0, code);
        Assert.Empty(errors);
        string text = string.Join('\n', output);
        foreach (PropertyInfo setting in typeof(ServerOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            // A line with the default, and at least one with what it means.
            int line = Array.FindIndex(output, each => each.StartsWith($"  --LCNet:{setting.Name}=", StringComparison.Ordinal));
            Assert.True(line >= 0 && output[line + 1].StartsWith("      ", StringComparison.Ordinal), setting.Name);
        }

        Assert.Contains("--LCNet:QueueObjective=00:00:01\n      How long an image should wait at most, 1 ms to 1 h (default 1 s).", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_AsMarkdown_IsThePageOfTheSettings()
    {
        using var program = new ServerProgram("--help", "markdown");

        (int code, string[] output, _) = await program.WaitAsync();

        Assert.Equal(0, code);
        Assert.Equal(File.ReadAllLines(RepositoryFiles.Of("docs", "settings.md")).Where(line => line.Length > 0), output.Where(line => line.Length > 0));
    }

    [Theory]
    [InlineData("Kestrel__Endpoints__More__Url", "http://127.0.0.1:0")]
    [InlineData("Kestrel__EndpointDefaults__Protocols", "Http1")]
    public async Task Start_KestrelsOwnSettings_AreRefusedNamingOurs(string name, string value)
    {
        using var program = new ServerProgram(new Dictionary<string, string> { [name] = value }, TestServer.Arguments(fixture.OneModel));

        await AssertRefusedAsync(program, "LCNet:GrpcPort and LCNet:HttpPort");
    }

    [Fact]
    public async Task Start_FailsWhileItIsProbed_SaysWhyAndNothingElse()
    {
        // The port is open while models are loaded; the last of them cannot be.
        using var models = new TemporaryFolder();
        for (int version = 1; version <= 4; version++)
        {
            TestBundle.Copy(fixture.Bundle, models.FullName, version);
        }

        Flip(Path.Combine(models.FullName, ServerFixture.Model, "4", "head.onnx"));
        int port = FreePort();
        using var program = new ServerProgram([.. TestServer.Arguments(models.FullName), $"--LCNet:HttpPort={port}"]);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        int answered = 0;
        Task[] probes = [.. Enumerable.Range(0, 8).Select(async _ =>
        {
            using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
            while (!over.IsCancellationRequested)
            {
                try
                {
                    using HttpResponseMessage reply = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/readyz"), over.Token);
                    Interlocked.Increment(ref answered);
                }
                catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
                {
                    // Nobody listens yet, or any more.
                }
            }
        })];

        (int code, string[] output, string[] errors) = await program.WaitAsync();
        await over.CancelAsync();
        await Task.WhenAll(probes);

        Assert.Equal(1, code);
        Assert.True(answered > 0);
        Assert.Contains("head.onnx", Assert.Single(errors), StringComparison.Ordinal);
        Assert.DoesNotContain(output, line => line.Contains("xception", StringComparison.Ordinal) || line.Contains(" ERR ", StringComparison.Ordinal));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static void Flip(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private static async Task AssertRefusedAsync(ServerProgram program, string part)
    {
        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Empty(output);
        string line = Assert.Single(errors);
        Assert.Contains(" FTL ", line, StringComparison.Ordinal);
        Assert.Contains(part, line, StringComparison.Ordinal);
    }

    private async Task AssertRefusedAsync(Action<string> spoil, string file)
    {
        using var models = new TemporaryFolder();
        string bundle = Directory.CreateDirectory(Path.Combine(models.FullName, ServerFixture.Model, "3")).FullName;
        foreach (string path in Directory.GetFiles(fixture.Bundle.Folder))
        {
            File.Copy(path, Path.Combine(bundle, Path.GetFileName(path)));
        }

        spoil(bundle);
        using var program = new ServerProgram(TestServer.Arguments(models.FullName));
        await AssertRefusedAsync(program, file);
    }
}
