using System.Collections.Concurrent;
using Google.Rpc;
using Grpc.Core;
using Inference;
using LCNet.V1;
using SkiaSharp;
using Status = Google.Rpc.Status;

namespace LCNet.Server.Tests;

/// <summary>Calls that there is no room for, and calls beside them.</summary>
public sealed class AdmissionTests : IAsyncLifetime
{
    private const int Side = 128;
    private const int Flood = 24;
    private readonly TemporaryFolder _folder = new();
    private TestServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        // Slow enough for calls to meet in its queue.
        TestBundle.Write(_folder.FullName, ServerFixture.Model, 1, seed: 5, side: Side);
        _server = await TestServer.StartAsync(_folder.FullName, "Workers=1", "MaxQueue=8");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Classify_NoRoom_IsToldWhenToTryAgain()
    {
        using var metrics = new MetricCapture(_server);
        RpcException[] refusals = await RefusalsAsync();

        Assert.NotEmpty(refusals);
        Assert.All(refusals, refusal =>
        {
            Assert.Equal((StatusCode.ResourceExhausted, "the queue is full: 8 images are waiting"), (refusal.StatusCode, refusal.Status.Detail));
            Status details = refusal.GetRpcStatus()!;
            Assert.Equal(((int)StatusCode.ResourceExhausted, refusal.Status.Detail), (details.Code, details.Message));
            TimeSpan delay = details.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan();
            Assert.InRange(delay, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
            Assert.Equal(Math.Ceiling(delay.TotalMilliseconds), double.Parse(refusal.Trailers.GetValue("grpc-retry-pushback-ms")!, System.Globalization.CultureInfo.InvariantCulture));
        });
        string series = $"lcnet.refusals{{model={ServerFixture.Model},reason=count}}";
        Assert.Equal(refusals.Length, await MetricCheck.CountAsync(metrics, series, refusals.Length));
    }

    [Theory]
    [InlineData(60_000, "the queue is full: an image would wait longer than the queue's objective")]
    [InlineData(300, "the image would wait longer than the deadline leaves")]
    public async Task Classify_RefusedTimeAndAgain_IsToldSoInTheSameWords(int deadline, string text)
    {
        // Tools group errors by their texts; what changes stands in the details.
        await using TestServer server = await TestServer.StartAsync(
            _folder.FullName, "Workers=1", "Brownout=false", deadline > 1000 ? "QueueObjective=00:00:00.005" : "QueueObjective=00:00:20");
        var texts = new ConcurrentBag<string>();
        for (int round = 0; round < 100 && texts.Count < 20; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 400).Select(async seed =>
            {
                RpcException? refusal = await Record.ExceptionAsync(async () => await server.Client.ClassifyAsync(
                    TestImages.Png(seed % 10), deadline: DateTime.UtcNow.AddMilliseconds(deadline), cancellationToken: Token)) as RpcException;
                if (refusal?.StatusCode == StatusCode.ResourceExhausted)
                {
                    texts.Add(refusal.Status.Detail);
                }
            }));
        }

        Assert.InRange(texts.Count, 20, int.MaxValue);
        Assert.Equal([text], texts.Distinct());
    }

    [Fact]
    public async Task ClassifyStream_NoRoom_IsToldWhenToTryAgain()
    {
        using var other = new LoopbackClient(_server, "127.0.0.2");
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<int> flood = other.FloodAsync(Flood, enough.Token);
        ClassifyStreamResponse[] replies = [];
        for (int round = 0; round < 100 && replies.All(reply => reply.Error is null); round++)
        {
            replies = await ClassifyStreamTests.StreamAsync(_server.Client, [], [.. Enumerable.Range(0, 64).Select(TestImages.Png)]);
        }

        await enough.CancelAsync();
        await flood;

        Error[] errors = [.. replies.Select(reply => reply.Error).Where(error => error is not null)];
        Assert.NotEmpty(errors);
        Assert.All(errors, error =>
        {
            Assert.Equal((int)StatusCode.ResourceExhausted, error.Code);
            Assert.True(Assert.Single(error.Details).Unpack<RetryInfo>().RetryDelay.ToTimeSpan() > TimeSpan.Zero);
        });
    }

    [Fact]
    public async Task Classify_BesideAnothersFlood_IsNeverRefused()
    {
        using var flooding = new LoopbackClient(_server, "127.0.0.2");
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<int> flood = flooding.FloodAsync(Flood, enough.Token);
        for (int i = 0; i < 20; i++)
        {
            await _server.ClassifyAsync(TestImages.Png(i));
        }

        ModelInferResponse batch = await new InferClient(_server.Channel).InferAsync(
            InferClient.Images(raw: true, [.. Enumerable.Range(0, 3).Select(seed => TestImages.Encode(SKEncodedImageFormat.Png, seed))]));
        await enough.CancelAsync();

        Assert.Equal(3, InferClient.Texts(batch, "label").Length);
        Assert.True(await flood > 0, "The flood did not fill the queue.");
    }

    [Fact]
    public async Task ModelInfer_AnImageThatCannotBeRead_EndsTheBatchAndFreesItsPlaces()
    {
        byte[][] files = [.. Enumerable.Range(0, 8).Select(i => i == 2 ? [1, 2, 3] : TestImages.Encode(SKEncodedImageFormat.Png, i))];
        for (int round = 0; round < 3; round++)
        {
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => new InferClient(_server.Channel).InferAsync(InferClient.Images(raw: true, files)));

            Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
            Assert.Contains("image 2", refusal.Status.Detail, StringComparison.Ordinal);
            using var metrics = new MetricCapture(_server);
            Assert.Equal(0, MetricCheck.Observed(metrics, $"lcnet.queue.depth{{model={ServerFixture.Model}}}"));
            Assert.Equal(0, MetricCheck.Observed(metrics, $"lcnet.queue.bytes{{model={ServerFixture.Model}}}"));
        }
    }

    [Fact]
    public async Task Classify_DeadlineShorterThanTheQueue_IsRefusedWithoutWaiting()
    {
        using var other = new LoopbackClient(_server, "127.0.0.2");
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<int> flood = other.FloodAsync(Flood, enough.Token);
        var seen = new HashSet<StatusCode>();
        for (int i = 0; i < 100 && !seen.Contains(StatusCode.ResourceExhausted); i++)
        {
            try
            {
                await other.Client.ClassifyAsync(TestImages.Png(i), deadline: DateTime.UtcNow.AddMilliseconds(5), cancellationToken: Token);
            }
            catch (RpcException exception)
            {
                seen.Add(exception.StatusCode);
            }
        }

        await enough.CancelAsync();
        await flood;
        Assert.Subset(new HashSet<StatusCode> { StatusCode.ResourceExhausted, StatusCode.DeadlineExceeded }, seen);
    }

    [Fact]
    public async Task Classify_OneModelOfSeveralIsFull_LeavesTheOthersAlone()
    {
        using var folder = new TemporaryFolder();
        TestBundle.Write(folder.FullName, ServerFixture.Model, 1, seed: 5, side: Side);
        TestBundle.Write(folder.FullName, ServerFixture.OtherModel, 1, seed: 6);
        await using TestServer server = await TestServer.StartAsync(folder.FullName, "Workers=1", "MaxQueue=2");
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task[] load = [.. Enumerable.Range(0, 8).Select(async seed =>
        {
            while (!enough.IsCancellationRequested)
            {
                await server.StatusOfAsync(For(ServerFixture.Model, seed));
            }
        })];
        for (int i = 0; i < 20; i++)
        {
            await server.ClassifyAsync(For(ServerFixture.OtherModel, i));
        }

        await enough.CancelAsync();
        await Task.WhenAll(load);
    }

    private static ClassifyRequest For(string model, int seed)
    {
        ClassifyRequest request = TestImages.Png(seed);
        request.Model = model;
        return request;
    }

    private async Task<RpcException[]> RefusalsAsync()
    {
        Exception?[] outcomes = await Task.WhenAll(Enumerable.Range(0, 64).Select(seed => Record.ExceptionAsync(() => _server.ClassifyAsync(TestImages.Png(seed))).AsTask()));
        return [.. outcomes.OfType<RpcException>()];
    }
}
