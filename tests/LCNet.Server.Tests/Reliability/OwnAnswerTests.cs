using System.Globalization;
using LCNet.Runtime.Execution;

namespace LCNet.Server.Tests;

/// <summary>Images that can be told apart, from many clients, in every way at the same time: each reply is the answer for its own image.</summary>
public sealed class OwnAnswerTests(ServerFixture fixture)
{
    private const int Clients = 64;
    private const int UnaryCalls = 2;
    private const int InFlight = 8;
    private const int MostOfABatch = 7;

    // How many images each way gets.
    private static readonly int Images = int.Parse(Environment.GetEnvironmentVariable("LCNET_TEST_IMAGES") ?? "1000", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData(ExecutorKind.Simd, 1e-6f)]
    [InlineData(ExecutorKind.OnnxRuntime, 1e-6f)]
    [InlineData(ExecutorKind.Batched, 1e-4f)]
    public async Task Reply_ManyClientsInEveryWay_IsTheAnswerForItsOwnImage(ExecutorKind executor, float tolerance)
    {
        Answers expected = Answers.Of(fixture.Bundle, Images, executor);
        Assert.Equal(0, expected.CountTwins(2 * tolerance));
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, $"Executor={executor}", "MaxQueue=100000", "BatchMaxImages=16", "ShadowRate=1");
        using var metrics = new MetricCapture(server);
        ImageCaller[] callers = [.. Enumerable.Range(0, Clients).Select(_ => new ImageCaller(server.GrpcAddress, fixture.Bundle.Manifest.Input))];
        int[] right = new int[3];
        int wrong = 0;
        void Check(int way, int seed, float[] probabilities) =>
            Interlocked.Increment(ref Answers.AreSame(expected[seed], probabilities, tolerance) ? ref right[way] : ref wrong);

        await Task.WhenAll(callers.SelectMany((caller, client) =>
        {
            int[] own = [.. Enumerable.Range(0, Images).Where(seed => seed % Clients == client)];
            return (Task[])
            [
                Parallel.ForEachAsync(own, Concurrent(UnaryCalls), async (seed, _) => Check(0, seed, (await caller.ClassifyAsync(seed)).Probabilities)),
                caller.StreamAsync(own, InFlight, (seed, _, probabilities) => Check(1, seed, probabilities)),
                Task.Run(() => InferAsync(caller, own, (seed, probabilities) => Check(2, seed, probabilities)), TestContext.Current.CancellationToken),
            ];
        }));

        Assert.Equal([Images, Images, Images, 0], [.. right, wrong]);
        await AssertNoImageOutlivesItsShadowAsync(metrics, 3 * Images);
        foreach (ImageCaller caller in callers)
        {
            caller.Dispose();
        }
    }

    // Every image was sampled: it was compared or dropped, and then its buffer was given back.
    private static async Task AssertNoImageOutlivesItsShadowAsync(MetricCapture metrics, int images)
    {
        double Counted() => metrics.Series.Where(series => series.StartsWith("lcnet.shadow.images", StringComparison.Ordinal) || series.StartsWith("lcnet.shadow.drops", StringComparison.Ordinal)).Sum(metrics.Sum);
        Assert.Equal(images, await Eventually.GetAsync(() => Task.FromResult(Counted()), counted => counted == images));
        double Kept()
        {
            metrics.Observe();
            return metrics.Sum($"lcnet.shadow.waiting{{model={ServerFixture.Model}}}");
        }

        Assert.Equal(0, await Eventually.GetAsync(() => Task.FromResult(Kept()), kept => kept == 0));
    }

    private static ParallelOptions Concurrent(int calls) => new() { MaxDegreeOfParallelism = calls, CancellationToken = TestContext.Current.CancellationToken };

    // Batches of every size up to the most, in turn of files and of tensors.
    private static async Task InferAsync(ImageCaller caller, int[] seeds, Action<int, float[]> read)
    {
        int size = 0;
        for (int begin = 0; begin < seeds.Length; begin += size)
        {
            size = (size % MostOfABatch) + 1;
            int[] batch = [.. seeds.Skip(begin).Take(size)];
            float[][] probabilities = (await caller.InferAsync(size % 2 == 0, batch)).Probabilities;
            for (int i = 0; i < batch.Length; i++)
            {
                read(batch[i], probabilities[i]);
            }
        }
    }
}
