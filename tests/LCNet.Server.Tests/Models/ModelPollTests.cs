using System.Net;
using Grpc.Core;
using Inference;
using LCNet.Bundles;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>A server that looks at its models' folder again and again.</summary>
public sealed class ModelPollTests(ServerFixture fixture) : IDisposable
{
    private static readonly string[] Settings = ["ModelControl=Poll", "ModelPollInterval=00:00:00.1"];

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Models => Path.Combine(_folder.FullName, "models");

    [Fact]
    public async Task Poll_VersionsComeAndGo_EverythingFollows()
    {
        TestBundle.Copy(fixture.Bundle, Models, 1);
        await using TestServer server = await TestServer.StartAsync(Models, Settings);
        using var metrics = new MetricCapture(server);
        Assert.Equal("alpha 1", await ListAsync(server));

        // One version beside the other: requests that name none get the new one.
        TestBundle.Copy(fixture.Bundle, Models, 2);
        await WaitAsync(server, "alpha 1, alpha 2");
        Assert.Equal("2", (await server.ClassifyAsync(TestImages.Png(1))).Version);
        ModelMetadataResponse metadata = await new InferClient(server.Channel).Calls.ModelMetadataAsync(
            new ModelMetadataRequest { Name = ServerFixture.Model }, deadline: TestServer.Deadline, cancellationToken: Token);
        Assert.Equal(["1", "2"], metadata.Versions);
        metrics.Observe();
        Assert.Equal(2, metrics.Sum("lcnet.models.loaded"));

        // A model with more blocks and another name.
        TestBundle.Copy(TestBundle.Write(Path.Combine(_folder.FullName, "made"), ServerFixture.OtherModel, 1, seed: 4, bottleneck: true), Models, 1);
        await WaitAsync(server, "alpha 1, alpha 2, beta 1");
        ClassifyRequest request = TestImages.Png(1);
        request.Model = ServerFixture.OtherModel;
        Assert.Equal(StatusCode.OK, (await server.StatusOfAsync(request)).StatusCode);

        Directory.Move(Path.Combine(Models, ServerFixture.Model, "2"), Path.Combine(_folder.FullName, "gone"));
        await WaitAsync(server, "alpha 1, beta 1");
        Directory.Move(Path.Combine(Models, ServerFixture.OtherModel), Path.Combine(_folder.FullName, "gone too"));
        await WaitAsync(server, "alpha 1");
        Assert.Equal(StatusCode.NotFound, (await server.StatusOfAsync(request)).StatusCode);
        Assert.Equal("1", (await server.ClassifyAsync(TestImages.Png(1))).Version);
        Assert.Equal((2, 2, 0), (metrics.Sum("lcnet.models.changes{change=loaded}"), metrics.Sum("lcnet.models.changes{change=unloaded}"), metrics.Sum("lcnet.models.changes{change=refused}")));
    }

    [Fact]
    public async Task Poll_NothingLeft_IsNotReadyUntilThereIs()
    {
        TestBundle.Copy(fixture.Bundle, Models, 1);
        await using TestServer server = await TestServer.StartAsync(Models, Settings);
        Directory.Move(Path.Combine(Models, ServerFixture.Model), Path.Combine(_folder.FullName, "gone"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await Eventually.GetAsync(() => ReadyAsync(server), status => status != HttpStatusCode.OK));
        Status refusal = await server.StatusOfAsync(TestImages.Png(1));
        Assert.Equal((StatusCode.Unavailable, "no model is loaded"), (refusal.StatusCode, refusal.Detail));

        TestBundle.Copy(fixture.Bundle, Models, 5);
        Assert.Equal(HttpStatusCode.OK, await Eventually.GetAsync(() => ReadyAsync(server), status => status == HttpStatusCode.OK));
        Assert.Equal("5", (await server.ClassifyAsync(TestImages.Png(1))).Version);
    }

    [Fact]
    public async Task Poll_HalfCopiedBundle_IsRefusedAndLoadedOnceItIsWhole()
    {
        TestBundle.Copy(fixture.Bundle, Models, 1);
        await using TestServer server = await TestServer.StartAsync(Models, Settings);
        using var metrics = new MetricCapture(server);
        Bundle whole = TestBundle.Copy(fixture.Bundle, Path.Combine(_folder.FullName, "whole"), 2);
        string target = Path.Combine(Models, ServerFixture.Model, "2");
        string half = Path.Combine(_folder.FullName, "half");
        TestBundle.CopyFiles(whole, half, file => file != "head.onnx");
        Directory.Move(half, target);
        await Eventually.GetAsync(() => Task.FromResult(server.Errors.Count), errors => errors > 0);
        Assert.Equal("alpha 1", await ListAsync(server));
        Assert.StartsWith("ModelRefused: ", Assert.Single(server.Errors), StringComparison.Ordinal);
        Assert.Contains(target, server.Errors.First(), StringComparison.Ordinal);
        Assert.Contains("head.onnx is missing", server.Errors.First(), StringComparison.Ordinal);
        Assert.Equal(1, metrics.Sum("lcnet.models.changes{change=refused}"));
        server.Errors.Clear();

        TestBundle.CopyFiles(whole, target, file => file == "head.onnx");
        await WaitAsync(server, "alpha 1, alpha 2");
        Assert.Equal("2", (await server.ClassifyAsync(TestImages.Png(1))).Version);
    }

    [Fact]
    public async Task Poll_ServedBundleIsReplaced_BadOneChangesNothingAndGoodOneTakesItsPlace()
    {
        Answers before = Answers.Of(fixture.Bundle, 1);
        Bundle other = TestBundle.Write(Path.Combine(_folder.FullName, "other"), ServerFixture.Model, 1, seed: 5);
        Answers after = Answers.Of(other, 1);
        Bundle served = TestBundle.Copy(fixture.Bundle, Models, 1);
        await using TestServer server = await TestServer.StartAsync(Models, Settings);
        using var caller = new ImageCaller(server.GrpcAddress, fixture.Bundle.Manifest.Input);

        File.WriteAllText(served.PathOf("stem.onnx"), "noise");
        await Eventually.GetAsync(() => Task.FromResult(server.Errors.Count), errors => errors > 0);
        Assert.Contains("stem.onnx does not match its SHA-256", Assert.Single(server.Errors), StringComparison.Ordinal);
        server.Errors.Clear();
        Assert.True(Answers.AreSame(before[0], (await caller.ClassifyAsync(0)).Probabilities));
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(server));

        TestBundle.CopyFiles(other, served.Folder, _ => true);
        Assert.True(await Eventually.GetAsync(async () => Answers.AreSame(after[0], (await caller.ClassifyAsync(0)).Probabilities), same => same));
        Assert.Equal("alpha 1", await ListAsync(server));

        // In between, a look may have met half of the copy.
        server.Errors.Clear();
    }

    [Fact]
    public async Task Poll_FolderIsOutOfReach_KeepsServing()
    {
        TestBundle.Copy(fixture.Bundle, Models, 1);
        await using TestServer server = await TestServer.StartAsync(Models, Settings);
        Directory.Move(Models, Models + "-away");
        await Eventually.GetAsync(() => Task.FromResult(server.Errors.Count), errors => errors > 0);
        Assert.Contains("there is no such folder", Assert.Single(server.Errors), StringComparison.Ordinal);
        Assert.Equal("1", (await server.ClassifyAsync(TestImages.Png(1))).Version);
        Directory.Move(Models + "-away", Models);
        TestBundle.Copy(fixture.Bundle, Models, 2);
        await WaitAsync(server, "alpha 1, alpha 2");
        server.Errors.Clear();
    }

    [Theory]
    [InlineData("None")]
    [InlineData("Explicit")]
    [InlineData("Poll")]
    public async Task Start_FolderWithLinksThatLeadNowhere_ServesWhatIsGood(string control)
    {
        Bundle good = TestBundle.Copy(fixture.Bundle, Models, 1);
        File.CreateSymbolicLink(good.PathOf("notes.txt"), Path.Combine(_folder.FullName, "nowhere"));
        File.CreateSymbolicLink(good.PathOf("circle"), good.PathOf("circle"));
        File.CreateSymbolicLink(Path.Combine(Models, "gone"), Path.Combine(_folder.FullName, "nowhere"));
        File.CreateSymbolicLink(Path.Combine(Models, "circle"), Path.Combine(Models, "circle"));
        await using TestServer server = await TestServer.StartAsync(Models, $"ModelControl={control}", "ModelPollInterval=00:00:00.1");

        Assert.Equal("alpha 1", await ListAsync(server));
        Assert.Equal("1", (await server.ClassifyAsync(TestImages.Png(1))).Version);
    }

    [Fact]
    public async Task Poll_BundleWithALinkThatLeadsNowhere_CostsThatVersionAlone()
    {
        TestBundle.Copy(fixture.Bundle, Models, 1);
        await using TestServer server = await TestServer.StartAsync(Models, Settings);
        Bundle bad = TestBundle.Copy(fixture.Bundle, Path.Combine(_folder.FullName, "made"), 2);
        File.Delete(bad.PathOf("head.onnx"));
        File.CreateSymbolicLink(bad.PathOf("head.onnx"), Path.Combine(_folder.FullName, "nowhere"));
        Directory.Move(bad.Folder, Path.Combine(Models, ServerFixture.Model, "2"));
        TestBundle.Copy(TestBundle.Write(Path.Combine(_folder.FullName, "made"), ServerFixture.OtherModel, 1, seed: 4), Models, 1);

        await WaitAsync(server, "alpha 1, beta 1");
        string error = Assert.Single(await Eventually.GetAsync(() => Task.FromResult(server.Errors.ToArray()), errors => errors.Length > 0));
        Assert.Contains(Path.Combine(Models, ServerFixture.Model, "2"), error, StringComparison.Ordinal);
        Assert.Contains("head.onnx", error, StringComparison.Ordinal);
        server.Errors.Clear();

        // The link leads somewhere now.
        File.Copy(Path.Combine(fixture.Bundle.Folder, "head.onnx"), Path.Combine(_folder.FullName, "nowhere"));
        await WaitAsync(server, "alpha 1, alpha 2, beta 1");
    }

    [Fact]
    public async Task Start_BadBundle_IsPassedOver()
    {
        Bundle bad = TestBundle.Copy(fixture.Bundle, Models, 1);
        File.WriteAllText(bad.PathOf("stem.onnx"), "noise");
        await using TestServer server = await TestServer.StartAsync(Models, Settings);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(server));
        Assert.NotEmpty(server.Errors);
        server.Errors.Clear();

        TestBundle.Copy(fixture.Bundle, Models, 2);
        await WaitAsync(server, "alpha 2");
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(server));
    }

    public void Dispose() => _folder.Dispose();

    internal static async Task<string> ListAsync(TestServer server)
    {
        ListModelsResponse reply = await server.Client.ListModelsAsync(new ListModelsRequest(), deadline: TestServer.Deadline, cancellationToken: Token);
        return string.Join(", ", reply.Models.Select(model => $"{model.Name} {model.Version}"));
    }

    internal static async Task<HttpStatusCode> ReadyAsync(TestServer server)
    {
        using HttpResponseMessage reply = await server.Http.GetAsync(new Uri("/readyz", UriKind.Relative), Token);
        return reply.StatusCode;
    }

    private static async Task WaitAsync(TestServer server, string models) =>
        Assert.Equal(models, await Eventually.GetAsync(() => ListAsync(server), list => list == models));
}
