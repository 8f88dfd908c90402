using System.Text.Json.Nodes;
using Google.Protobuf;
using LCNet.Bundles;
using LCNet.Bundles.Onnx;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LCNet.Server.Tests;

/// <summary>What a server says of what runs its models.</summary>
public sealed class ExecutorTests(ServerFixture fixture) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LogLines _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Auto_GraphsThatTheSimdExecutorDoesNotKnow_RunInOnnxRuntimeAndThatIsSaid()
    {
        WriteBundleOfAnotherForm();
        await using TestServer server = await StartAsync("Executor=Auto");

        string line = Assert.Single(_log.Of("ExecutorFellBack"));
        Assert.Contains("alpha version 3 runs in onnxruntime", line, StringComparison.Ordinal);
        Assert.Contains("head.onnx", line, StringComparison.Ordinal);
        Assert.Contains("executor onnxruntime", Assert.Single(_log.Of("Serving")), StringComparison.Ordinal);
        Model model = await server.Client.GetModelAsync(new GetModelRequest(), deadline: TestServer.Deadline, cancellationToken: Token);
        Assert.Equal(("cpu", "onnxruntime"), (model.Device, model.Executor));
        Assert.Contains("head.onnx", model.ExecutorFallback, StringComparison.Ordinal);
        JsonNode figures = JsonNode.Parse(await server.Http.GetStringAsync(new Uri("/live/figures", UriKind.Relative), Token))!["models"]![0]!;
        Assert.Equal("onnxruntime", (string?)figures["executor"]);
        Assert.Equal(model.ExecutorFallback, (string?)figures["executorFallback"]);
        Assert.NotEmpty((await server.ClassifyAsync(TestImages.Png(1))).Predictions);
    }

    [Theory]
    [InlineData("Auto", "simd")]
    [InlineData("Simd", "simd")]
    [InlineData("OnnxRuntime", "onnxruntime")]
    [InlineData("Batched", "batched")]
    public async Task Executor_AsAskedFor_IsSaidWithoutAnyWarning(string setting, string executor)
    {
        TestBundle.CopyFiles(fixture.Bundle, Path.Combine(_folder.FullName, ServerFixture.Model, "3"), _ => true);
        await using TestServer server = await StartAsync($"Executor={setting}");

        Assert.Empty(_log.Of("ExecutorFellBack"));
        Assert.Contains($"executor {executor}", Assert.Single(_log.Of("Serving")), StringComparison.Ordinal);
        Model model = await server.Client.GetModelAsync(new GetModelRequest(), deadline: TestServer.Deadline, cancellationToken: Token);
        Assert.Equal((executor, string.Empty), (model.Executor, model.ExecutorFallback));
    }

    public void Dispose() => _folder.Dispose();

    // ONNX Runtime cares for what a graph computes, not for how.
    private void WriteBundleOfAnotherForm()
    {
        string folder = Path.Combine(_folder.FullName, ServerFixture.Model, "3");
        TestBundle.CopyFiles(fixture.Bundle, folder, _ => true);
        string path = Path.Combine(folder, "head.onnx");
        ModelProto head = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        string output = head.Graph.Output[0].Name;
        NodeProto last = head.Graph.Node.Single(node => node.Output.Contains(output));
        last.Output[0] = "inner";
        head.Graph.Node.Add(new NodeProto { OpType = "Identity", Input = { "inner" }, Output = { output } });
        File.WriteAllBytes(path, head.ToByteArray());
        Bundle.Write(folder, fixture.Bundle.Manifest);
    }

    private Task<TestServer> StartAsync(string setting) =>
        TestServer.StartAsync(_folder.FullName, services => services.AddSingleton<ILoggerProvider>(_log), setting, "LogLevel=Information");
}
