using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Grpc.Core;
using Inference;
using LCNet.Runtime.Execution.Simd;
using LCNet.Server.Models;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;
using static Inference.ModelMetadataResponse.Types;

namespace LCNet.Server.Tests;

public sealed class ServerStateTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ServerLiveAndReady_Started_AreTrue()
    {
        Assert.Equal((true, true), await LiveAndReadyAsync(fixture.One));
    }

    [Fact]
    public async Task EveryCall_Draining_SaysSo()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        server.App.Lifetime.StopApplication();

        Assert.Equal((true, false), await LiveAndReadyAsync(server));
        Assert.False(await IsReadyAsync(server, "alpha", string.Empty));
        Assert.Equal(StatusCode.Unavailable, (await new InferClient(server.Channel).StatusOfAsync(new ModelInferRequest())).StatusCode);
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => DescribeAsync(server, "alpha"));
        Assert.Equal(StatusCode.Unavailable, refusal.StatusCode);
    }

    [Theory]
    [InlineData("alpha", "")]
    [InlineData("alpha", "9")]
    [InlineData("beta", "1")]
    public async Task ModelReady_Served_IsTrue(string name, string version) => Assert.True(await IsReadyAsync(fixture.Several, name, version));

    [Fact]
    [SuppressMessage("Usage", "CA2201", Justification = "What a device's failure looks like.")]
    public async Task ModelReady_DeviceOfAnotherModelHasFailed_IsTrueForThisOne()
    {
        var executors = new FaultyExecutors(bundle => new SimdExecutor(bundle));
        await using TestServer server = await TestServer.StartAsync(
            fixture.SeveralModels, services => services.AddSingleton<EngineFactory>(executors.Load), "MaxFailures=1");
        executors.Fault = () => new OutOfMemoryException("tests");
        ClassifyRequest request = TestImages.Png(1);
        request.Model = ServerFixture.OtherModel;
        Assert.Equal(StatusCode.Unavailable, (await server.StatusOfAsync(request)).StatusCode);

        Assert.Equal((true, false), await LiveAndReadyAsync(server));
        Assert.False(await IsReadyAsync(server, ServerFixture.OtherModel, string.Empty));
        Assert.True(await IsReadyAsync(server, "alpha", string.Empty));
        Assert.True(await IsReadyAsync(server, "alpha", "9"));
        executors.Fault = null;
        request.Model = "alpha";
        Assert.Equal(StatusCode.OK, (await server.StatusOfAsync(request)).StatusCode);
        server.Errors.Clear();
    }

    [Theory]
    [InlineData("gamma", "", StatusCode.NotFound, "name: ")]
    [InlineData("alpha", "8", StatusCode.NotFound, "version: ")]
    [InlineData("", "", StatusCode.InvalidArgument, "name: ")]
    public async Task ModelReady_None_IsRefused(string name, string version, StatusCode code, string field)
    {
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => IsReadyAsync(fixture.Several, name, version));

        Assert.Equal(code, refusal.StatusCode);
        Assert.StartsWith(field, refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServerMetadata_Always_NamesServerAndVersion()
    {
        ServerMetadataResponse reply = await new InferClient(fixture.One.Channel).Calls.ServerMetadataAsync(
            new ServerMetadataRequest(), deadline: TestServer.Deadline, cancellationToken: Token);

        Assert.Equal("LCNet.Serving", reply.Name);
        Assert.Matches(@"^\d+\.\d+\.\d+$", reply.Version);
        Assert.Equal(["classification", "model_configuration", "model_repository", "statistics", "binary_tensor_data"], reply.Extensions);
    }

    [Fact]
    public async Task ModelMetadata_Served_DescribesWhatInferTakesAndGives()
    {
        ModelMetadataResponse reply = await DescribeAsync(fixture.One, string.Empty);

        Assert.Equal((ServerFixture.Model, "lcnet_onnx"), (reply.Name, reply.Platform));
        Assert.Equal(["3"], reply.Versions);
        Assert.Equal(["image BYTES -1", "tensor FP32 -1 3 16 16"], reply.Inputs.Select(Text));
        Assert.Equal(
            [
                "probabilities FP32 -1 10", "logits FP32 -1 10", "label BYTES -1", "index INT64 -1", "planned_flops INT64 -1", "executed_flops INT64 -1",
                "effort FP64 -1", $"channels_retained INT64 -1 {fixture.Bundle.Manifest.Blocks.Count}", "queue_us INT64 -1", "execute_us INT64 -1",
            ],
            reply.Outputs.Select(Text));
        Assert.Equal(fixture.Bundle.Manifest.Labels, JsonSerializer.Deserialize<string[]>(reply.Properties["labels"]));
        Assert.Equal($"{fixture.Bundle.Flops.Minimum}", reply.Properties["minimum_flops"]);
    }

    [Fact]
    public async Task ModelMetadata_SeveralVersions_ListsThem() => Assert.Equal(["9", "10"], (await DescribeAsync(fixture.Several, "alpha")).Versions);

    private static string Text(TensorMetadata tensor) => $"{tensor.Name} {tensor.Datatype} {string.Join(' ', tensor.Shape)}";

    private static async Task<(bool Live, bool Ready)> LiveAndReadyAsync(TestServer server)
    {
        GRPCInferenceService.GRPCInferenceServiceClient calls = new InferClient(server.Channel).Calls;
        ServerLiveResponse live = await calls.ServerLiveAsync(new ServerLiveRequest(), deadline: TestServer.Deadline, cancellationToken: Token);
        ServerReadyResponse ready = await calls.ServerReadyAsync(new ServerReadyRequest(), deadline: TestServer.Deadline, cancellationToken: Token);
        return (live.Live, ready.Ready);
    }

    private static async Task<bool> IsReadyAsync(TestServer server, string name, string version) =>
        (await new InferClient(server.Channel).Calls.ModelReadyAsync(
            new ModelReadyRequest { Name = name, Version = version }, deadline: TestServer.Deadline, cancellationToken: Token)).Ready;

    private static async Task<ModelMetadataResponse> DescribeAsync(TestServer server, string name) =>
        await new InferClient(server.Channel).Calls.ModelMetadataAsync(
            new ModelMetadataRequest { Name = name }, deadline: TestServer.Deadline, cancellationToken: Token);
}
