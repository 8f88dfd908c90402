using Grpc.Core;
using LCNet.V1;

namespace LCNet.Server.Tests;

public sealed class LoadTests(ServerFixture fixture)
{
    [Fact]
    public async Task Classify_ConcurrentCalls_AnswerAsSequentialOnesDo()
    {
        ClassifyRequest[] requests = [.. Enumerable.Range(0, 200).Select(seed => seed % 2 == 0 ? TestImages.Png(seed) : TensorRequest(seed))];
        var expected = new ClassifyResponse[requests.Length];
        for (int i = 0; i < requests.Length; i++)
        {
            requests[i].Id = $"{i}";
            expected[i] = ClassifyTests.Essence(await fixture.One.ClassifyAsync(requests[i]));
        }

        var replies = new ClassifyResponse[requests.Length];
        await Parallel.ForAsync(0, requests.Length, Concurrent(16), async (i, _) =>
        {
            // Calls that are given up on share the buffers of those that are not.
            using var impatience = new CancellationTokenSource();
            AsyncUnaryCall<ClassifyResponse> abandoned = fixture.One.Client.ClassifyAsync(requests[^(i + 1)], cancellationToken: impatience.Token);
            await impatience.CancelAsync();
            replies[i] = ClassifyTests.Essence(await fixture.One.ClassifyAsync(requests[i]));
            await Task.WhenAny(abandoned.ResponseAsync);
        });

        Assert.Equal(expected, replies);
        Assert.Equal(requests.Length, expected.Select(reply => reply.Predictions[0].Probability).Distinct().Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Classify_NoRoomToWait_IsAnsweredOrRefused(bool encoded)
    {
        ClassifyRequest[] requests = [.. Enumerable.Range(0, 64).Select(seed => encoded ? TestImages.Png(seed) : TensorRequest(seed))];
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "MaxQueue=0");
        var seen = new HashSet<StatusCode>();
        for (int round = 0; round < 50 && seen.Count < 2; round++)
        {
            Status[] replies = await Task.WhenAll(requests.Select(server.StatusOfAsync));
            Assert.All(replies, reply => Assert.True(reply.StatusCode is StatusCode.OK or StatusCode.ResourceExhausted, $"{reply}"));
            Assert.All(
                replies.Where(reply => reply.StatusCode != StatusCode.OK),
                reply => Assert.Contains("queue is full: 0", reply.Detail, StringComparison.Ordinal));
            seen.UnionWith(replies.Select(reply => reply.StatusCode));
        }

        Assert.Equal([StatusCode.OK, StatusCode.ResourceExhausted], seen.Order());
    }

    private static ParallelOptions Concurrent(int calls) =>
        new() { MaxDegreeOfParallelism = calls, CancellationToken = TestContext.Current.CancellationToken };

    private ClassifyRequest TensorRequest(int seed) => new() { Tensor = TestImages.Tensor(fixture.Bundle.Manifest.Input, seed) };
}
