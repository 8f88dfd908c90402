using Inference;
using LCNet.Bundles;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>The server with images that run in batches, as on a GPU.</summary>
public sealed class BatchTests(ServerFixture fixture)
{
    private static readonly string[] Settings = ["Executor=Batched", "BatchMaxImages=8", "BatchMaxDelay=00:00:00.02"];

    [Fact]
    public async Task Classify_ConcurrentCalls_ShareBatchesAndAreBilledTruly()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, Settings);
        using var metrics = new MetricCapture(server);
        FlopsModel flops = fixture.Bundle.Flops;
        ClassifyRequest[] requests = [.. Enumerable.Range(0, 120).Select(seed =>
        {
            ClassifyRequest request = TestImages.Png(seed);
            request.TopK = fixture.Bundle.Manifest.Labels.Count;
            if (seed % 3 == 0)
            {
                request.MaxFlops = flops.Minimum + (seed * (flops.Dense - flops.Minimum) / 120);
            }

            return request;
        })];
        var replies = new ClassifyResponse[requests.Length];
        var concurrent = new ParallelOptions { MaxDegreeOfParallelism = 24, CancellationToken = TestContext.Current.CancellationToken };
        await Parallel.ForAsync(0, requests.Length, concurrent, async (i, _) => replies[i] = await server.ClassifyAsync(requests[i]));

        Compute[] bills = [.. replies.Select(reply => reply.Compute)];
        await MetricCheck.AssertEqualAsync(metrics, ServerFixture.Model, requests.Length, bills, requests.Length);
        Assert.All(bills, bill => Assert.InRange(bill.BatchSize, 1, 8));
        Assert.Contains(bills, bill => bill.BatchSize > 1);
        for (int i = 0; i < requests.Length; i++)
        {
            ClassifyResponse alone = await fixture.One.ClassifyAsync(requests[i]);
            Assert.Equal(alone.Compute.PlannedFlops, bills[i].PlannedFlops);
            Assert.InRange(bills[i].ExecutedFlops, bills[i].PlannedFlops, requests[i].HasMaxFlops ? requests[i].MaxFlops : long.MaxValue);
            Assert.Equal(alone.Predictions.Single(prediction => prediction.Index == 0).Probability, replies[i].Predictions.Single(prediction => prediction.Index == 0).Probability, 1e-4f);
        }
    }

    [Fact]
    public async Task ModelInfer_Batch_SharesDispatches()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, Settings);
        using var metrics = new MetricCapture(server);
        ModelInferResponse reply = await new InferClient(server.Channel).Calls.ModelInferAsync(
            InferClient.Images(raw: true, [.. Enumerable.Range(0, 8).Select(seed => TestImages.Encode(SKEncodedImageFormat.Png, seed))]),
            deadline: TestServer.Deadline,
            cancellationToken: TestContext.Current.CancellationToken);

        string tag = $"{{model={ServerFixture.Model}}}";
        Assert.Equal(8, metrics.Count($"lcnet.batch.size{tag}"));
        Assert.True(metrics.Sum($"lcnet.batch.size{tag}") > 8);
        Assert.Equal(InferClient.Longs(reply, "executed_flops").Sum(), metrics.Sum($"lcnet.flops.executed{tag}"));
    }
}
