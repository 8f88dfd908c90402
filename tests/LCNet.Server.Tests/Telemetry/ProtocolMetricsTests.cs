using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Inference;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>What is measured of calls that carry many images.</summary>
public sealed class ProtocolMetricsTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ModelInfer_KnownLoad_CountersEqualTheReplies()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        using var metrics = new MetricCapture(server);
        ModelInferRequest[] requests = [.. Enumerable.Range(0, 12).Select(Batch)];
        var replies = new ModelInferResponse[requests.Length];
        var client = new InferClient(server.Channel);
        await Parallel.ForAsync(0, requests.Length, Token, async (i, _) => replies[i] = await client.InferAsync(requests[i]));

        int encoded = requests.Where(request => request.Inputs[0].Name == "image").Sum(request => (int)request.Inputs[0].Shape[0]);
        await MetricCheck.AssertEqualAsync(metrics, ServerFixture.Model, replies.Length, [.. replies.SelectMany(Bills)], encoded);
    }

    [Fact]
    public async Task ModelInfer_Refused_IsCountedByStatusAndItsImagesAreNot()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        using var metrics = new MetricCapture(server);
        var client = new InferClient(server.Channel);
        ModelInferRequest stranger = Batch(0);
        stranger.ModelName = "made-up-by-a-caller";
        await client.StatusOfAsync(stranger);
        await client.StatusOfAsync(InferClient.Images(raw: true, [.. Enumerable.Range(0, 20).Select(Png), [1, 2, 3]]));

        string invalid = $"lcnet.requests{{model={ServerFixture.Model},status=INVALID_ARGUMENT}}";
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, invalid, 1));
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, "lcnet.requests{model=unknown,status=NOT_FOUND}", 1));
        Assert.Equal(0, metrics.Sum($"lcnet.flops.executed{{model={ServerFixture.Model}}}"));
        Assert.DoesNotContain(metrics.Series, series => series.Contains("made-up", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ClassifyStream_KnownLoad_CountersEqualTheReplies()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.SeveralModels);
        using var metrics = new MetricCapture(server);
        ClassifyRequest[] requests = [.. Enumerable.Range(0, 90).Select(Request)];

        ClassifyStreamResponse[] replies = await ClassifyStreamTests.StreamAsync(server, requests);

        foreach (string model in new[] { ServerFixture.Model, ServerFixture.OtherModel })
        {
            int encoded = requests.Count(request => request.Model == model && request.InputCase == ClassifyRequest.InputOneofCase.EncodedImage);
            Compute[] bills = [.. replies.Where(reply => reply.Response.Model == model).Select(reply => reply.Response.Compute)];
            await MetricCheck.AssertEqualAsync(metrics, model, bills.Length, bills, encoded);
        }
    }

    [Fact]
    public async Task ClassifyStream_RequestsInError_AreCountedByTheirOwnStatus()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        using var metrics = new MetricCapture(server);
        ClassifyRequest stranger = TestImages.Png(1);
        stranger.Model = "made-up-by-a-caller";

        await ClassifyStreamTests.StreamAsync(server, TestImages.Png(1), stranger, new ClassifyRequest(), new ClassifyRequest(), TestImages.Png(2));

        Assert.Equal(2, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=OK}}", 2));
        Assert.Equal(2, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=INVALID_ARGUMENT}}", 2));
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, "lcnet.requests{model=unknown,status=NOT_FOUND}", 1));

        // The stream itself is no request.
        Assert.Equal(5, metrics.Series.Where(series => series.StartsWith("lcnet.requests", StringComparison.Ordinal)).Sum(metrics.Sum));
        Assert.DoesNotContain(metrics.Series, series => series.Contains("made-up", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ClassifyStream_Cancelled_CountsWhatHadNoReply()
    {
        var spy = new StreamSpy();
        await using TestServer server = await StartAsync(spy);
        using var metrics = new MetricCapture(server);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Token);
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call =
            server.Client.ClassifyStream(deadline: TestServer.Deadline, cancellationToken: cancellation.Token);
        await call.RequestStream.WriteAsync(TestImages.Png(1), Token);
        await call.RequestStream.WriteAsync(TestImages.Png(2), Token);
        while (spy.Read < 2)
        {
            await Task.Delay(10, Token);
        }

        await cancellation.CancelAsync();

        await AssertGivenUpAsync(metrics, "CANCELLED");
    }

    [Fact]
    public async Task ClassifyStream_Expired_CountsWhatHadNoReply()
    {
        await using TestServer server = await StartAsync(new StreamSpy());
        using var metrics = new MetricCapture(server);
        byte[] body = [.. RawRequest.Frame(TestImages.Png(1).ToByteArray()), .. RawRequest.Frame(TestImages.Png(2).ToByteArray())];

        (string? status, _) = await RawRequest.PostAsync(server, "/lcnet.v1.Classifier/ClassifyStream", body, ("grpc-timeout", "3S"));

        Assert.Equal("4", status);
        await AssertGivenUpAsync(metrics, "DEADLINE_EXCEEDED");
    }

    private static byte[] Png(int seed) => TestImages.Encode(SKEncodedImageFormat.Png, seed);

    private static async Task AssertGivenUpAsync(MetricCapture metrics, string status)
    {
        Assert.Equal(2, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status={status}}}", 2));
        Assert.Equal(0, MetricCheck.Observed(metrics, $"lcnet.in_flight{{model={ServerFixture.Model}}}"));
    }

    // What each image of a reply cost, as a unary call would say it.
    private static IEnumerable<Compute> Bills(ModelInferResponse reply)
    {
        long[] planned = InferClient.Longs(reply, "planned_flops");
        long[] executed = InferClient.Longs(reply, "executed_flops");
        long[] queued = InferClient.Longs(reply, "queue_us");
        long[] ran = InferClient.Longs(reply, "execute_us");
        long[] channels = InferClient.Longs(reply, "channels_retained");
        for (int i = 0; i < planned.Length; i++)
        {
            yield return new Compute
            {
                DenseFlops = reply.Parameters["dense_flops"].Int64Param / planned.Length,
                PlannedFlops = planned[i],
                ExecutedFlops = executed[i],
                QueueUs = queued[i],
                ExecuteUs = ran[i],
                BatchSize = 1,
                Blocks =
                {
                    channels.Chunk(channels.Length / planned.Length).ElementAt(i)
                        .Select(kept => new BlockCompute { Executed = kept > 0, ChannelsRetained = (int)kept }),
                },
            };
        }
    }

    // Its replies are held back.
    private Task<TestServer> StartAsync(StreamSpy spy)
    {
        spy.Close();
        return TestServer.StartAsync(fixture.OneModel, services => services.AddSingleton(spy).Configure<GrpcServiceOptions>(options => options.Interceptors.Add<StreamSpy>()));
    }

    // Batches of one to seven images, files and tensors in turn.
    private ModelInferRequest Batch(int i)
    {
        int[] seeds = [.. Enumerable.Range(i * 7, 1 + (i % 7))];
        ModelInferRequest request = i % 3 == 0
            ? InferClient.Tensors(i % 2 == 0, seeds.Length, [.. seeds.SelectMany(seed => TestImages.Tensor(fixture.Bundle.Manifest.Input, seed).Values)])
            : InferClient.Images(i % 2 == 0, [.. seeds.Select(Png)]);
        request.Parameters.Add("effort", new InferParameter { DoubleParam = i % 4 == 0 ? 0.3 : 1 });
        return request;
    }

    private ClassifyRequest Request(int i)
    {
        ClassifyRequest request = i % 4 == 0 ? new ClassifyRequest { Tensor = TestImages.Tensor(fixture.Bundle.Manifest.Input, i) } : TestImages.Png(i);
        request.Model = i % 3 == 0 ? ServerFixture.OtherModel : ServerFixture.Model;
        request.Effort = i % 5 == 0 ? 0.3 : 1;
        return request;
    }
}
