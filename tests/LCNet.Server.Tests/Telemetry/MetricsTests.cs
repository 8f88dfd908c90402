using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

public sealed class MetricsTests(ServerFixture fixture)
{
    [Fact]
    public async Task Classify_KnownLoad_CountersEqualTheReplies()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.SeveralModels);
        using var metrics = new MetricCapture(server);
        ClassifyRequest[] requests = [.. Enumerable.Range(0, 90).Select(Request)];
        var replies = new ClassifyResponse[requests.Length];
        await Parallel.ForAsync(0, requests.Length, TestContext.Current.CancellationToken, async (i, _) => replies[i] = await server.ClassifyAsync(requests[i]));

        foreach (string model in new[] { ServerFixture.Model, ServerFixture.OtherModel })
        {
            int encoded = requests.Count(request => request.Model == model && request.InputCase == ClassifyRequest.InputOneofCase.EncodedImage);
            Compute[] bills = [.. replies.Where(reply => reply.Model == model).Select(reply => reply.Compute)];
            await MetricCheck.AssertEqualAsync(metrics, model, bills.Length, bills, encoded);
        }
    }

    [Fact]
    public async Task Classify_Refused_IsCountedByStatusAndOnlyLoadedModelsAreNamed()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        using var metrics = new MetricCapture(server);
        ClassifyRequest stranger = TestImages.Png(1);
        stranger.Model = "made-up-by-a-caller";
        ClassifyRequest wrong = TestImages.Png(1);
        wrong.TopK = 99;
        await server.StatusOfAsync(stranger);
        await server.StatusOfAsync(wrong);
        await server.StatusOfAsync(wrong);
        await RawRequest.PostAsync(server, RawRequest.Classify, RawRequest.Frame([0xFF, 0xFF, 0xFF]));
        await RawRequest.PostAsync(server, "/lcnet.v1.Classifier/ListModels", RawRequest.Frame([]));

        Assert.Equal(1, await MetricCheck.CountAsync(metrics, "lcnet.requests{model=unknown,status=NOT_FOUND}", 1));
        Assert.Equal(2, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=INVALID_ARGUMENT}}", 2));
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, "lcnet.requests{model=unknown,status=INVALID_ARGUMENT}", 1));
        Assert.Equal(4, metrics.Series.Where(series => series.StartsWith("lcnet.requests", StringComparison.Ordinal)).Sum(metrics.Sum));
        Assert.DoesNotContain(metrics.Series, series => series.Contains("made-up", StringComparison.Ordinal));
        Assert.Equal(0, metrics.Sum($"lcnet.flops.executed{{model={ServerFixture.Model}}}"));
    }

    [Fact]
    public async Task Classify_NoRoomToWait_CountersEqualTheStatuses()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "MaxQueue=0");
        using var metrics = new MetricCapture(server);
        Status[] replies = await Task.WhenAll(Enumerable.Range(0, 100).Select(seed => server.StatusOfAsync(TestImages.Png(seed))));

        int answered = replies.Count(reply => reply.StatusCode == StatusCode.OK);
        Assert.Equal(answered, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=OK}}", answered));
        Assert.Equal(100 - answered, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=RESOURCE_EXHAUSTED}}", 100 - answered));
        Assert.Equal(answered * fixture.Bundle.Flops.Dense, metrics.Sum($"lcnet.flops.dense{{model={ServerFixture.Model}}}"));
    }

    [Fact]
    public async Task Classify_ExpiredAndCancelled_AreCountedAsSuch()
    {
        await using TestServer server = await TestServer.StartAsync(
            fixture.OneModel, services => services.AddSingleton<Patience>().Configure<GrpcServiceOptions>(options => options.Interceptors.Add<Patience>()));
        using var metrics = new MetricCapture(server);
        (string? status, _) = await RawRequest.PostAsync(
            server, RawRequest.Classify, RawRequest.Frame(TestImages.Png(1).ToByteArray()), ("grpc-timeout", "10m"));
        using var impatience = new CancellationTokenSource(50);
        await Assert.ThrowsAsync<RpcException>(async () => await server.Client.ClassifyAsync(TestImages.Png(1), cancellationToken: impatience.Token));

        Assert.Equal("4", status);
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=DEADLINE_EXCEEDED}}", 1));
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=CANCELLED}}", 1));
        Assert.Equal(0, MetricCheck.Observed(metrics, $"lcnet.in_flight{{model={ServerFixture.Model}}}"));
    }

    [Fact]
    public async Task Gauges_UnderLoadAndAfter_TellWhatWaitsAndWhatIsInFlight()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "DefaultEffort=0.6");
        using var metrics = new MetricCapture(server);
        string tag = $"{{model={ServerFixture.Model}}}";
        double waiting = 0;
        double inFlight = 0;
        for (int round = 0; round < 50 && waiting == 0; round++)
        {
            var load = Task.WhenAll(Enumerable.Range(0, 64).Select(seed => server.ClassifyAsync(TestImages.Png(seed))));
            while (!load.IsCompleted)
            {
                metrics.Observe();
                waiting = Math.Max(waiting, metrics.Sum($"lcnet.queue.depth{tag}"));
                inFlight = Math.Max(inFlight, metrics.Sum($"lcnet.in_flight{tag}"));
            }

            await load;
        }

        Assert.InRange(waiting, 1, 64);
        Assert.InRange(inFlight, 1, 64);
        await Eventually.GetAsync(() => Task.FromResult(MetricCheck.Observed(metrics, $"lcnet.in_flight{tag}")), value => value == 0);
        Assert.Equal(0, MetricCheck.Observed(metrics, $"lcnet.in_flight{tag}"));
        Assert.Equal(0, MetricCheck.Observed(metrics, $"lcnet.queue.depth{tag}"));
        Assert.Equal(0.6, MetricCheck.Observed(metrics, $"lcnet.effort{tag}"));
        Assert.Equal(1, MetricCheck.Observed(metrics, "lcnet.models.loaded"));

        // What a signal does first.
        server.App.Lifetime.StopApplication();
        Assert.Equal(0, MetricCheck.Observed(metrics, "lcnet.models.loaded"));
    }

    private ClassifyRequest Request(int i)
    {
        ClassifyRequest request = i % 4 == 0 ? new ClassifyRequest { Tensor = TestImages.Tensor(fixture.Bundle.Manifest.Input, i) } : TestImages.Png(i);
        request.Model = i % 3 == 0 ? ServerFixture.OtherModel : ServerFixture.Model;
        request.Version = i % 3 == 1 ? "9" : string.Empty;
        request.Effort = i % 5 == 0 ? 0.3 : 1;
        return request;
    }

    /// <summary>Holds each call until its caller has given up on it.</summary>
    private sealed class Patience : Interceptor
    {
        public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken).ContinueWith(_ => { }, TaskScheduler.Default);
            return await continuation(request, context);
        }
    }
}
