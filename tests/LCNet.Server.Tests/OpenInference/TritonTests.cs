using System.Globalization;
using Grpc.Core;
using Inference;
using SkiaSharp;
using static Inference.ModelInferRequest.Types;

namespace LCNet.Server.Tests;

/// <summary>Triton's extensions of the Open Inference Protocol, over gRPC.</summary>
public sealed class TritonTests(ServerFixture fixture) : IDisposable
{
    private readonly SecurityFiles _files = new();
    private readonly string _key = SecurityFiles.NewKey();
    private readonly string _operator = SecurityFiles.NewKey();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Infer_Classification_IsTheHighestScores(bool raw)
    {
        var client = new InferClient(fixture.One.Channel);
        byte[][] files = [.. Enumerable.Range(0, 3).Select(seed => TestImages.Encode(SKEncodedImageFormat.Png, seed))];
        float[] scores = InferClient.Floats(await client.InferAsync(InferClient.Images(raw, files)), "logits");
        ModelInferRequest request = InferClient.Images(raw, files);
        request.Outputs.Add(new InferRequestedOutputTensor { Name = "logits", Parameters = { { "classification", new InferParameter { Int64Param = 2 } } } });

        ModelInferResponse reply = await client.InferAsync(request);

        IReadOnlyList<string> labels = fixture.Bundle.Manifest.Labels;
        IEnumerable<string> expected = scores.Chunk(labels.Count).SelectMany(row => row
            .Select((score, i) => (Score: score, Index: i))
            .OrderByDescending(score => score.Score)
            .Take(2)
            .Select(score => string.Create(CultureInfo.InvariantCulture, $"{score.Score:F6}:{score.Index}:{labels[score.Index]}")));
        Assert.Equal([3, 2], reply.Outputs.Single().Shape);
        Assert.Equal(expected, InferClient.Texts(reply, "logits"));
    }

    [Theory]
    [InlineData("label", 1, "outputs[0].parameters.classification: label has no score of each label, as probabilities and logits have")]
    [InlineData("logits", 0, "outputs[0].parameters.classification: is not a number of classes, at least 1")]
    public async Task Infer_WrongClassification_IsRefused(string output, long count, string detail)
    {
        ModelInferRequest request = InferClient.Images(raw: true, TestImages.Encode(SKEncodedImageFormat.Png, 1));
        request.Outputs.Add(new InferRequestedOutputTensor { Name = output, Parameters = { { "classification", new InferParameter { Int64Param = count } } } });

        Assert.Equal(new Status(StatusCode.InvalidArgument, detail), await new InferClient(fixture.One.Channel).StatusOfAsync(request));
    }

    [Fact]
    public async Task Infer_MoreClassesThanLabels_GivesAll()
    {
        ModelInferRequest request = InferClient.Images(raw: true, TestImages.Encode(SKEncodedImageFormat.Png, 1));
        request.Outputs.Add(new InferRequestedOutputTensor { Name = "probabilities", Parameters = { { "classification", new InferParameter { Int64Param = 1000 } } } });

        Assert.Equal(fixture.Bundle.Manifest.Labels.Count, InferClient.Texts(await new InferClient(fixture.One.Channel).InferAsync(request), "probabilities").Length);
    }

    [Fact]
    public async Task ModelConfig_Served_AgreesWithTheMetadata()
    {
        var calls = new InferClient(fixture.One.Channel).Calls;
        ModelConfig config = (await calls.ModelConfigAsync(new ModelConfigRequest { Name = "alpha" }, deadline: TestServer.Deadline, cancellationToken: Token)).Config;
        ModelMetadataResponse metadata = await calls.ModelMetadataAsync(new ModelMetadataRequest { Name = "alpha" }, deadline: TestServer.Deadline, cancellationToken: Token);

        Assert.Equal(("alpha", metadata.Platform, 64), (config.Name, config.Platform, config.MaxBatchSize));
        Assert.Equal(["image STRING 1 True", "tensor FP32 3 16 16 True"], config.Input.Select(input => $"{Type(input.DataType)} {string.Join(' ', input.Dims)} {input.Optional}").Zip(config.Input, (text, input) => $"{input.Name} {text}"));
        Assert.Equal(
            metadata.Outputs.Select(output => $"{output.Name} {output.Datatype.Replace("BYTES", "STRING", StringComparison.Ordinal)} {string.Join(' ', output.Shape.Skip(1))}"),
            config.Output.Select(output => $"{output.Name} {Type(output.DataType)} {string.Join(' ', output.Dims)}"));
        Assert.Equal(metadata.Properties, config.Parameters.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.StringValue));
        Assert.Equal("rgb", metadata.Properties["colour_order"]);
        Assert.StartsWith("[", metadata.Properties["mean"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModelStatistics_AfterRequests_CountsThem()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.SeveralModels);
        var client = new InferClient(server.Channel);
        byte[] image = TestImages.Encode(SKEncodedImageFormat.Png, 1);
        DateTimeOffset before = DateTimeOffset.UtcNow;
        ModelInferRequest batch = InferClient.Images(raw: true, image, image, image);
        batch.ModelVersion = "9";
        await client.InferAsync(batch);
        Assert.Equal(StatusCode.InvalidArgument, (await client.StatusOfAsync(new ModelInferRequest { ModelName = "alpha", ModelVersion = "9" })).StatusCode);

        // A request is counted once its reply has gone.
        ModelStatistics[] all = await Eventually.GetAsync(
            async () => (await client.Calls.ModelStatisticsAsync(new ModelStatisticsRequest(), deadline: TestServer.Deadline, cancellationToken: Token)).ModelStats.ToArray(),
            read => read[0].InferenceStats is { Success.Count: 1, Fail.Count: 1 });

        Assert.Equal([("alpha", "9"), ("alpha", "10"), ("beta", "1")], all.Select(statistics => (statistics.Name, statistics.Version)));
        ModelStatistics used = all[0];
        Assert.Equal((3UL, 3UL, 1UL, 1UL), (used.InferenceCount, used.ExecutionCount, used.InferenceStats.Success.Count, used.InferenceStats.Fail.Count));
        Assert.Equal((3UL, 3UL, 3UL), (used.InferenceStats.Queue.Count, used.InferenceStats.ComputeInput.Count, used.InferenceStats.ComputeInfer.Count));
        Assert.InRange(used.InferenceStats.ComputeInfer.Ns, 1UL, used.InferenceStats.Success.Ns * 3);
        Assert.InRange((long)used.LastInference, before.ToUnixTimeMilliseconds(), DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        Assert.All(all.Skip(1), other => Assert.Equal((0UL, 0UL), (other.InferenceCount, other.LastInference)));
        ModelStatisticsResponse one = await client.Calls.ModelStatisticsAsync(new ModelStatisticsRequest { Name = "alpha", Version = "10" }, deadline: TestServer.Deadline, cancellationToken: Token);
        Assert.Equal("10", Assert.Single(one.ModelStats).Version);
        ModelStatisticsResponse versions = await client.Calls.ModelStatisticsAsync(new ModelStatisticsRequest { Name = "alpha" }, deadline: TestServer.Deadline, cancellationToken: Token);
        Assert.Equal(["9", "10"], versions.ModelStats.Select(statistics => statistics.Version));
    }

    [Fact]
    public async Task Repository_WithAnOperatorsKey_UnloadsAndLoads()
    {
        _files.WriteKeys(SecurityFiles.Entry("team", _key), SecurityFiles.Entry("operator", _operator, isOperator: true));
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, $"ApiKeys={_files.Keys}", "ModelControl=Explicit");
        var calls = new InferClient(server.Channel).Calls;
        Metadata Key(string key) => new() { { "authorization", $"Bearer {key}" } };

        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await calls.RepositoryIndexAsync(new RepositoryIndexRequest(), Key(_key), TestServer.Deadline, Token));
        Assert.Equal((StatusCode.PermissionDenied, "/inference.GRPCInferenceService/RepositoryIndex: needs an operator's API key; without keys models are loaded by the HTTP port"), (refused.StatusCode, refused.Status.Detail));
        await calls.RepositoryModelUnloadAsync(new RepositoryModelUnloadRequest { ModelName = "alpha", Parameters = { { "unload_dependents", new ModelRepositoryParameter { BoolParam = false } } } }, Key(_operator), TestServer.Deadline, Token);
        RepositoryIndexResponse index = await calls.RepositoryIndexAsync(new RepositoryIndexRequest(), Key(_operator), TestServer.Deadline, Token);
        Assert.Equal(("alpha", "3", "UNAVAILABLE", "unloaded"), (index.Models[0].Name, index.Models[0].Version, index.Models[0].State, index.Models[0].Reason));
        await calls.RepositoryModelLoadAsync(new RepositoryModelLoadRequest { ModelName = "alpha" }, Key(_operator), TestServer.Deadline, Token);
        index = await calls.RepositoryIndexAsync(new RepositoryIndexRequest { Ready = true }, Key(_operator), TestServer.Deadline, Token);
        Assert.Equal("READY", Assert.Single(index.Models).State);
        RpcException config = await Assert.ThrowsAsync<RpcException>(async () => await calls.RepositoryModelLoadAsync(
            new RepositoryModelLoadRequest { ModelName = "alpha", Parameters = { { "config", new ModelRepositoryParameter { StringParam = "{}" } } } }, Key(_operator), TestServer.Deadline, Token));
        Assert.Equal((StatusCode.InvalidArgument, "parameters: 'config' is not taken; a model is what lies in its folder"), (config.StatusCode, config.Status.Detail));
        RpcException none = await Assert.ThrowsAsync<RpcException>(async () => await calls.RepositoryModelLoadAsync(new RepositoryModelLoadRequest { ModelName = "gamma" }, Key(_operator), TestServer.Deadline, Token));
        Assert.Equal((StatusCode.NotFound, "there is no model 'gamma' in the folder"), (none.StatusCode, none.Status.Detail));
    }

    [Fact]
    public async Task Repository_NotByCallOrWithoutKeys_IsRefused()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "ModelControl=Explicit");

        Assert.Equal(StatusCode.PermissionDenied, await StatusOfIndexAsync(server));
        Assert.Equal(StatusCode.Unimplemented, await StatusOfIndexAsync(fixture.One));
    }

    [Theory]
    [InlineData("/inference.GRPCInferenceService/ModelStreamInfer")]
    [InlineData("/inference.GRPCInferenceService/SystemSharedMemoryStatus")]
    [InlineData("/nobody.Service/Call")]
    public async Task OtherCalls_AreUnimplementedByName(string method)
    {
        (string? status, string? message) = await RawRequest.PostAsync(fixture.One, method, RawRequest.Frame([]));

        Assert.Equal(("12", $"'{method}' is not implemented"), (status, message));
    }

    private static string Type(DataType type) => type.ToString()["Type".Length..].ToUpperInvariant();

    private static async Task<StatusCode> StatusOfIndexAsync(TestServer server)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await new InferClient(server.Channel).Calls.RepositoryIndexAsync(new RepositoryIndexRequest(), deadline: TestServer.Deadline, cancellationToken: Token));
        return refused.StatusCode;
    }
}
