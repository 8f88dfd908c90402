using System.Net;
using Google.Rpc;
using Grpc.Core;
using Inference;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>What a key may do, against the real server. The limits are so low that no test lasts until there is room again.</summary>
public sealed class KeyLimitTests(ServerFixture fixture) : IDisposable
{
    private readonly SecurityFiles _files = new();
    private readonly string _limited = SecurityFiles.NewKey();
    private readonly string _free = SecurityFiles.NewKey();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Classify_ImagesPerSecondAreUsedUp_IsToldWhenToTryAgainAndOthersAreNot()
    {
        await using TestServer server = await StartAsync(SecurityFiles.Entry("limited", _limited, imagesPerSecond: 0.01));
        using var metrics = new MetricCapture(server);
        using var limited = new Somebody(server, _limited);
        using var free = new Somebody(server, _free);
        await limited.ClassifyAsync();

        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => limited.ClassifyAsync());

        Assert.Equal((StatusCode.ResourceExhausted, "the API key's images a second are used up"), (refusal.StatusCode, refusal.Status.Detail));
        TimeSpan retry = refusal.GetRpcStatus()!.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan();
        Assert.InRange(retry, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(150));
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, $"lcnet.refusals{{model={ServerFixture.Model},reason=key_rate}}", 1));
        await free.ClassifyAsync();
        await free.ClassifyAsync();
    }

    [Fact]
    public async Task Classify_FlopsAreUsedUp_IsRefused()
    {
        await using TestServer server = await StartAsync(SecurityFiles.Entry("limited", _limited, flopsPerSecond: 1));
        using var limited = new Somebody(server, _limited);
        using var free = new Somebody(server, _free);
        await limited.ClassifyAsync();

        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => limited.ClassifyAsync());

        Assert.Equal("the API key's FLOPs a second are used up", refusal.Status.Detail);
        await free.ClassifyAsync();
    }

    [Fact]
    public async Task ClassifyStream_ImagesPerSecondAreUsedUp_TellsEachRequest()
    {
        await using TestServer server = await StartAsync(SecurityFiles.Entry("limited", _limited, imagesPerSecond: 0.01));
        using var limited = new Somebody(server, _limited);

        ClassifyStreamResponse[] replies = await ClassifyStreamTests.StreamAsync(limited.Client, limited.Headers, [.. Enumerable.Range(0, 5).Select(TestImages.Png)]);

        Assert.Equal(1, replies.Count(reply => reply.Response is not null));
        Assert.All(replies.Where(reply => reply.Error is not null), reply => Assert.Equal((int)StatusCode.ResourceExhausted, reply.Error.Code));
    }

    [Fact]
    public async Task ModelInfer_ABatch_CountsEachImage()
    {
        await using TestServer server = await StartAsync(SecurityFiles.Entry("limited", _limited, imagesPerSecond: 3));
        using var limited = new Somebody(server, _limited);
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(limited.Channel);
        ModelInferRequest batch = InferClient.Images(raw: true, [.. Enumerable.Range(0, 64).Select(seed => TestImages.Encode(SkiaSharp.SKEncodedImageFormat.Png, seed))]);
        await client.ModelInferAsync(batch, limited.Headers, TestServer.Deadline, Token);

        // 64 images are 21 seconds' worth.
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => limited.ClassifyAsync());

        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
    }

    [Fact]
    public async Task HttpInference_ImagesPerSecondAreUsedUp_IsToldWhenToTryAgain()
    {
        await using TestServer server = await StartAsync(SecurityFiles.Entry("limited", _limited, imagesPerSecond: 0.01));
        using var limited = new Somebody(server, _limited);
        byte[] image = TestImages.Encode(SkiaSharp.SKEncodedImageFormat.Png, 1);
        await limited.ClassifyAsync();

        InferHttpReply refused = await InferHttp.SendAsync(limited.Http, InferHttp.Json(image), headers: ("Authorization", $"Bearer {_limited}"));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1/classify", UriKind.Relative)) { Content = new ByteArrayContent(image) };
        request.Headers.Authorization = new("Bearer", _limited);
        using HttpResponseMessage classified = await limited.Http.SendAsync(request, Token);

        Assert.Equal((HttpStatusCode.TooManyRequests, "the API key's images a second are used up"), (refused.Status, refused.Error));
        Assert.Equal(HttpStatusCode.TooManyRequests, classified.StatusCode);
        Assert.InRange(classified.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(150));
    }

    [Fact]
    public async Task KeyFile_LimitsChange_AreInForce()
    {
        await using TestServer server = await StartAsync(SecurityFiles.Entry("limited", _limited, imagesPerSecond: 0.01));
        using var limited = new Somebody(server, _limited);
        await limited.ClassifyAsync();
        Assert.Equal(StatusCode.ResourceExhausted, (await limited.StatusAsync()).StatusCode);

        _files.WriteKeys(SecurityFiles.Entry("limited", _limited));

        Assert.Equal(StatusCode.OK, (await Eventually.GetAsync(limited.StatusAsync, status => status.StatusCode == StatusCode.OK)).StatusCode);
    }

    private Task<TestServer> StartAsync(object entry)
    {
        _files.WriteKeys(entry, SecurityFiles.Entry("free", _free));
        return TestServer.StartAsync(fixture.OneModel, _files.KeySettings);
    }
}
