using System.Net;
using System.Text;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1Alpha;
using Inference;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LCNet.Server.Tests;

/// <summary>API keys, against the real server over real connections.</summary>
public sealed class KeyTests(ServerFixture fixture) : IAsyncLifetime
{
    private readonly SecurityFiles _files = new();
    private readonly LogLines _log = new();
    private readonly string _key = SecurityFiles.NewKey();
    private readonly string _operator = SecurityFiles.NewKey();
    private TestServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _files.WriteKeys(SecurityFiles.Entry("team-a", _key), SecurityFiles.Entry("ops", _operator, isOperator: true));
        _server = await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _files.Dispose();
    }

    [Fact]
    public async Task Classify_GoodKey_IsAnswered()
    {
        using var caller = new Somebody(_server, _key);

        Assert.Equal(StatusCode.OK, (await caller.StatusAsync()).StatusCode);

        // There is no TLS here.
        Assert.Single(_log.Of("KeysInTheClear"));
    }

    [Fact]
    public async Task Classify_NoKey_IsRefusedCountedAndLogged()
    {
        using var metrics = new MetricCapture(_server);
        using var stranger = new Somebody(_server);

        Status status = await stranger.StatusAsync();

        Assert.Equal((StatusCode.Unauthenticated, "an API key is needed, as authorization: Bearer KEY"), (status.StatusCode, status.Detail));
        Assert.Equal(1, metrics.Sum("lcnet.access.refusals{reason=no_key}"));
        Assert.Matches(@"127\.0\.0\.1:\d+ was refused: an API key is needed.*/lcnet\.v1\.Classifier/Classify", Assert.Single(_log.Of("AccessRefused")));
    }

    [Fact]
    public async Task Classify_WrongKey_IsRefusedCountedAndLoggedWithoutTheSecret()
    {
        using var metrics = new MetricCapture(_server);
        string wrong = SecurityFiles.NewKey();
        using var stranger = new Somebody(_server, wrong);
        using var caller = new Somebody(_server, _key);
        await caller.ClassifyAsync();

        Status status = await stranger.StatusAsync();

        Assert.Equal((StatusCode.Unauthenticated, "there is no such API key"), (status.StatusCode, status.Detail));
        Assert.Equal(1, metrics.Sum("lcnet.access.refusals{reason=wrong_key}"));
        Assert.Matches(@"127\.0\.0\.1:\d+ was refused: there is no such API key", Assert.Single(_log.Of("AccessRefused")));

        // Everything is logged here, down to Kestrel's own lines.
        Assert.True(_log.All.Count > 20);
        string[] secrets = [wrong, _key, _operator, SecurityFiles.Hash(wrong), SecurityFiles.Hash(_key), SecurityFiles.Hash(_operator)];
        Assert.All(_log.All, line => Assert.DoesNotContain(secrets, secret => line.Contains(secret, StringComparison.OrdinalIgnoreCase)));
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Basic !!!")]
    [InlineData("Digest KEY")]
    [InlineData("Bearer KEYKEY")]
    [InlineData("bearer KEY")]
    public async Task Classify_HeaderInAnyForm_IsTakenOrRefused(string header)
    {
        (string? status, _) = await RawRequest.PostAsync(
            _server, RawRequest.Classify, RawRequest.Frame([]), ("authorization", header.Replace("KEY", _key, StringComparison.Ordinal)));

        // The scheme has no case; a request without an image gets further than the key.
        Assert.Equal(header == "bearer KEY" ? "3" : "16", status);
    }

    [Fact]
    public async Task Classify_KeyOfManyThousandCharacters_IsRefused()
    {
        (string? status, _) = await RawRequest.PostAsync(_server, RawRequest.Classify, RawRequest.Frame([]), ("authorization", "Bearer " + new string('x', 12_000)));

        Assert.Equal("16", status);
    }

    [Fact]
    public async Task EveryService_NoKey_IsRefusedButHealth()
    {
        using var stranger = new Somebody(_server);
        var inference = new GRPCInferenceService.GRPCInferenceServiceClient(stranger.Channel);
        var reflection = new ServerReflection.ServerReflectionClient(stranger.Channel);
        Func<Task>[] calls =
        [
            async () => await stranger.Client.ListModelsAsync(new ListModelsRequest(), deadline: TestServer.Deadline, cancellationToken: Token),
            async () => await stranger.Client.GetModelAsync(new GetModelRequest(), deadline: TestServer.Deadline, cancellationToken: Token),
            async () => await inference.ModelInferAsync(new ModelInferRequest(), deadline: TestServer.Deadline, cancellationToken: Token),
            async () => await inference.ServerMetadataAsync(new ServerMetadataRequest(), deadline: TestServer.Deadline, cancellationToken: Token),
            async () => await stranger.Client.ClassifyStream(deadline: TestServer.Deadline, cancellationToken: Token).ResponseStream.MoveNext(Token),
            async () => await reflection.ServerReflectionInfo(deadline: TestServer.Deadline, cancellationToken: Token).ResponseStream.MoveNext(Token),
        ];

        foreach (Func<Task> call in calls)
        {
            Assert.Equal(StatusCode.Unauthenticated, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
        }

        HealthCheckResponse health = await new Health.HealthClient(stranger.Channel).CheckAsync(new HealthCheckRequest(), deadline: TestServer.Deadline, cancellationToken: Token);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/")]
    [InlineData("/live/page.js")]
    [InlineData("/live/figures")]
    public async Task Management_WithoutAnOperatorsKey_IsRefused(string path)
    {
        using var somebody = new Somebody(_server);
        string password = Convert.ToBase64String(Encoding.UTF8.GetBytes($"anybody:{_operator}"));

        Assert.Equal(HttpStatusCode.Unauthorized, await somebody.GetAsync(path));
        Assert.Equal(HttpStatusCode.Unauthorized, await somebody.GetAsync(path, "Bearer wrong"));
        Assert.Equal(HttpStatusCode.Forbidden, await somebody.GetAsync(path, $"Bearer {_key}"));
        Assert.Equal(HttpStatusCode.OK, await somebody.GetAsync(path, $"Bearer {_operator}"));
        Assert.Equal(HttpStatusCode.OK, await somebody.GetAsync(path, $"Basic {password}"));
        Assert.Contains(_log.Of("AccessRefused"), line => line.Contains("key team-a", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/v2/repository/index")]
    [InlineData("/v2/repository/models/alpha/load")]
    [InlineData("/v2/repository/models/alpha/unload")]
    public async Task Repository_WithoutAnOperatorsKey_IsRefused(string path)
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, $"ApiKeys={_files.Keys}", "ModelControl=Explicit");
        using var somebody = new Somebody(server);

        Assert.Equal(HttpStatusCode.Unauthorized, await somebody.PostAsync(path));
        Assert.Equal(HttpStatusCode.Unauthorized, await somebody.PostAsync(path, "Bearer wrong"));
        Assert.Equal(HttpStatusCode.Forbidden, await somebody.PostAsync(path, $"Bearer {_key}"));
        Assert.Equal(HttpStatusCode.OK, await somebody.PostAsync(path, $"Bearer {_operator}"));
    }

    [Fact]
    public async Task HttpClassify_NoKey_IsRefusedAndABrowserAsksForIt()
    {
        using var somebody = new Somebody(_server);
        using var image = new ByteArrayContent(TestImages.Encode(SkiaSharp.SKEncodedImageFormat.Png, 1));
        image.Headers.ContentType = new("image/png");

        using HttpResponseMessage response = await somebody.Http.PostAsync(new Uri("/v1/classify", UriKind.Relative), image, Token);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("Basic", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
    }

    [Theory]
    [InlineData("/v2")]
    [InlineData("/v2/models/alpha")]
    [InlineData("/v2/models/alpha/versions/3/ready")]
    public async Task OpenInferenceHttp_AnyKey_IsNeeded(string path)
    {
        using var somebody = new Somebody(_server);

        Assert.Equal(HttpStatusCode.Unauthorized, await somebody.GetAsync(path));
        Assert.Equal(HttpStatusCode.Unauthorized, await somebody.GetAsync(path, "Bearer wrong"));
        Assert.Equal(HttpStatusCode.OK, await somebody.GetAsync(path, $"Bearer {_key}"));
    }

    [Fact]
    public async Task HttpInference_AnyKey_IsNeeded()
    {
        using var somebody = new Somebody(_server);
        byte[] image = TestImages.Encode(SkiaSharp.SKEncodedImageFormat.Png, 1);
        InferHttpReply refused = await InferHttp.SendAsync(somebody.Http, InferHttp.Json(image));

        Assert.Equal((HttpStatusCode.Unauthorized, "an API key is needed, as authorization: Bearer KEY"), (refused.Status, refused.Error));
        Assert.Equal(HttpStatusCode.OK, (await InferHttp.SendAsync(somebody.Http, InferHttp.Json(image), headers: ("Authorization", $"Bearer {_key}"))).Status);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1/classify", UriKind.Relative)) { Content = new ByteArrayContent(image) };
        request.Headers.Authorization = new("Bearer", _key);
        using HttpResponseMessage classified = await somebody.Http.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.OK, classified.StatusCode);
    }

    [Theory]
    [InlineData("/healthz")]
    [InlineData("/readyz")]
    [InlineData("/v2/health/live")]
    [InlineData("/v2/health/ready")]
    public async Task Health_NoKey_IsAnswered(string path)
    {
        using var somebody = new Somebody(_server);

        Assert.Equal(HttpStatusCode.OK, await somebody.GetAsync(path));
    }

    [Fact]
    public async Task KeyFile_Changes_IsInForceWithoutARestart()
    {
        string newKey = SecurityFiles.NewKey();
        using var before = new Somebody(_server, _key);
        using var after = new Somebody(_server, newKey);
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> stream =
            before.Client.ClassifyStream(before.Headers, TestServer.Deadline, Token);
        await stream.RequestStream.WriteAsync(TestImages.Png(1), Token);
        Assert.True(await stream.ResponseStream.MoveNext(Token));
        Assert.NotNull(stream.ResponseStream.Current.Response);

        _files.WriteKeys(SecurityFiles.Entry("team-b", newKey));

        Assert.Equal(StatusCode.OK, (await Eventually.GetAsync(after.StatusAsync, status => status.StatusCode == StatusCode.OK)).StatusCode);
        Assert.Equal(StatusCode.Unauthenticated, (await before.StatusAsync()).StatusCode);

        // A stream that was open already, too.
        await stream.RequestStream.WriteAsync(TestImages.Png(1), Token);
        Assert.True(await stream.ResponseStream.MoveNext(Token));
        Assert.Equal((int)StatusCode.Unauthenticated, stream.ResponseStream.Current.Error?.Code);
    }

    [Fact]
    public async Task KeyFile_ChangesToNonsense_IsRefusedAndTheOldOneKept()
    {
        string secret = SecurityFiles.NewKey();
        SecurityFiles.Replace(_files.Keys, $$"""{"keys": [{"name": "team-a", "sha256": "{{secret}}x"}]}""");

        string[] lines = await Eventually.GetAsync(() => Task.FromResult(_log.Of("FileRefused")), found => found.Length > 0);

        Assert.Contains("team-a: sha256 is not 64 hexadecimal digits", Assert.Single(lines), StringComparison.Ordinal);
        Assert.DoesNotContain(secret, lines[0], StringComparison.Ordinal);
        using var caller = new Somebody(_server, _key);
        Assert.Equal(StatusCode.OK, (await caller.StatusAsync()).StatusCode);
        _server.Errors.Clear();
    }

    [Fact]
    public async Task Refusals_AFlood_AreCountedAndFewOfThemLogged()
    {
        using var metrics = new MetricCapture(_server);
        using var stranger = new Somebody(_server, "wrong");
        for (int i = 0; i < 5; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => stranger.StatusAsync()));
        }

        Assert.Equal(300, metrics.Sum("lcnet.access.refusals{reason=wrong_key}"));
        Assert.InRange(_log.Of("AccessRefused").Length, 1, 299);
    }

    private Task<TestServer> StartAsync() => TestServer.StartAsync(
        fixture.OneModel, services => services.AddSingleton<ILoggerProvider>(_log), [.. _files.KeySettings, "LogLevel=Trace"]);
}
