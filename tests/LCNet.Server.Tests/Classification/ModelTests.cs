using Grpc.Core;
using LCNet.Bundles;
using LCNet.V1;

namespace LCNet.Server.Tests;

public sealed class ModelTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ListModels_SeveralModels_ListsThemByNameAndVersion()
    {
        ListModelsResponse reply = await ListAsync(fixture.Several);

        Assert.Equal(["alpha 9", "alpha 10", "beta 1"], reply.Models.Select(model => $"{model.Name} {model.Version}"));
    }

    [Fact]
    public async Task GetModel_NoName_DescribesTheOnlyModel()
    {
        Model model = await GetAsync(fixture.One, string.Empty, string.Empty);

        BundleManifest manifest = fixture.Bundle.Manifest;
        Assert.Equal(ServerFixture.Model, model.Name);
        Assert.Equal("3", model.Version);
        Assert.Equal(manifest.Labels, model.Labels);
        Assert.Equal((TestBundle.Side, TestBundle.Side), (model.InputWidth, model.InputHeight));
        Assert.Equal(manifest.Dense.Flops, model.DenseFlops);
        Assert.Equal(fixture.Bundle.Flops.Minimum, model.MinimumFlops);
        Assert.Equal(manifest.Blocks.Select(block => block.Channels), model.BlockChannels);
        Assert.Equal(
            manifest.Calibration,
            model.Efforts.Select(point => new CalibrationPoint(point.Effort, point.MeanFlops, point.P95Flops, point.Top1, point.Top1StandardError) { Milliseconds = point.Milliseconds, Agreement = point.Agreement, AgreementImages = 500 }));
        Assert.Equal("a machine", model.TimedOn);
        Assert.Equal("random numbers", model.Data);
        Assert.Equal(("cpu", "simd", string.Empty), (model.Device, model.Executor, model.ExecutorFallback));
        Assert.Equal(model, (await ListAsync(fixture.One)).Models.Single());
    }

    [Theory]
    [InlineData("", "10")]
    [InlineData("9", "9")]
    [InlineData("10", "10")]
    public async Task GetModel_Version_IsTheOneAskedForOrTheHighest(string version, string expected) =>
        Assert.Equal(expected, (await GetAsync(fixture.Several, "alpha", version)).Version);

    [Theory]
    [InlineData("", "10")]
    [InlineData("9", "9")]
    public async Task Classify_Version_IsTheOneAskedForOrTheHighest(string version, string expected)
    {
        ClassifyRequest request = TestImages.Png(1);
        request.Model = "alpha";
        request.Version = version;

        ClassifyResponse reply = await fixture.Several.ClassifyAsync(request);

        Assert.Equal(("alpha", expected), (reply.Model, reply.Version));
    }

    [Theory]
    [InlineData("gamma", "", StatusCode.NotFound, "model")]
    [InlineData("alpha", "11", StatusCode.NotFound, "version")]
    [InlineData("", "", StatusCode.InvalidArgument, "model")]
    public async Task GetModel_None_IsRefused(string model, string version, StatusCode code, string field)
    {
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => GetAsync(fixture.Several, model, version));

        Assert.Equal(code, refusal.StatusCode);
        Assert.StartsWith($"{field}: ", refusal.Status.Detail, StringComparison.Ordinal);
        Assert.EndsWith(field == "version" ? "served: 9, 10" : model.Length == 0 ? "several models: alpha, beta" : "served: alpha, beta", refusal.Status.Detail, StringComparison.Ordinal);
    }

    private static async Task<ListModelsResponse> ListAsync(TestServer server) =>
        await server.Client.ListModelsAsync(new ListModelsRequest(), deadline: TestServer.Deadline, cancellationToken: Token);

    private static async Task<Model> GetAsync(TestServer server, string model, string version) =>
        await server.Client.GetModelAsync(new GetModelRequest { Model = model, Version = version }, deadline: TestServer.Deadline, cancellationToken: Token);
}
