using Grpc.Core;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Server.Models;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LCNet.Server.Tests;

/// <summary>Shadow runs in the real server, against a recount with the engine alone, and what they must not do.</summary>
public sealed class ShadowTests(ServerFixture fixture)
{
    private static readonly string Model = $"model={ServerFixture.Model}";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ExecutorKind.Simd)]
    [InlineData(ExecutorKind.Batched)]
    public async Task Classify_EveryImageSampled_IsComparedWithTheStaticNetworkAtItsEffort(ExecutorKind executor)
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, $"Executor={executor}", "ShadowRate=1");
        using var metrics = new MetricCapture(server);
        using var dense = new DenseNetwork(fixture.Bundle, ComputeDevice.Parse("cpu"));
        float[] logits = new float[TestBundle.Labels];
        var expected = new Dictionary<string, (int Images, int Agreements)>();
        for (int seed = 0; seed < 60; seed++)
        {
            var request = new ClassifyRequest { Tensor = TestImages.Tensor(fixture.Bundle.Manifest.Input, seed) };
            string effort = (seed % 4) switch { 0 => "1.0", 1 => "0.5", 2 => "0.3", _ => "capped" };
            _ = effort switch
            {
                "1.0" => request.Effort = 1,
                "0.5" => request.Effort = 0.52,
                "0.3" => request.Effort = 0.26,
                _ => request.MaxFlops = (fixture.Bundle.Flops.Minimum + fixture.Bundle.Flops.Dense) / 2,
            };
            ClassifyResponse reply = await server.ClassifyAsync(request);
            Assert.Null(reply.Verification);
            dense.Run(request.Tensor.Values.ToArray(), logits);
            bool agrees = Predictions.Top(logits, 1)[0].Index == reply.Predictions[0].Index;
            (int images, int agreements) = expected.GetValueOrDefault(effort);
            expected[effort] = (images + 1, agreements + (agrees ? 1 : 0));

            // One after the other, so that none is dropped.
            Assert.Equal(seed + 1, await Eventually.GetAsync(() => Task.FromResult(Compared(metrics)), compared => compared == seed + 1));
        }

        foreach ((string effort, (int images, int agreements)) in expected)
        {
            Assert.Equal(images, metrics.Sum($"lcnet.shadow.images{{effort={effort},{Model}}}"));
            Assert.Equal(agreements, metrics.Sum($"lcnet.shadow.agreements{{effort={effort},{Model}}}"));
            Assert.Equal(images - agreements, metrics.Count($"lcnet.shadow.disagreement{{effort={effort},{Model}}}"));
            Assert.Equal(images, metrics.Count($"lcnet.shadow.divergence{{effort={effort},{Model}}}"));
        }

        Assert.InRange(expected.Values.Sum(found => found.Agreements), 1, 59);
        metrics.Observe();
        Assert.Equal(expected.Values.Sum(found => found.Agreements) / 60.0, metrics.Sum($"lcnet.agreement{{{Model}}}"), 1e-12);
        Assert.Equal(0.95, metrics.Sum($"lcnet.agreement.expected{{{Model}}}"), 1e-12);
        Assert.Equal(60, metrics.Count($"lcnet.execute.duration{{{Model}}}"));
        Assert.Equal(0, await KeptAsync(metrics));
    }

    [Fact]
    public async Task Classify_NoneSampled_RunsNoShadow()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "ShadowRate=0");
        using var metrics = new MetricCapture(server);
        for (int seed = 0; seed < 20; seed++)
        {
            await server.ClassifyAsync(TestImages.Png(seed));
        }

        await Task.Delay(200, Token);
        Assert.Equal((0, 0), (Compared(metrics), Dropped(metrics)));
    }

    [Fact]
    public async Task Classify_SomeSampled_AreAsManyAsTheRateSays()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "ShadowRate=0.2");
        using var metrics = new MetricCapture(server);
        for (int seed = 0; seed < 1000; seed++)
        {
            await server.ClassifyAsync(TestImages.Png(seed % 50));
        }

        // Five standard deviations of a binomial distribution: 12.6 each.
        double sampled = await Eventually.GetAsync(() => Task.FromResult(Compared(metrics) + Dropped(metrics)), found => found > 137);
        Assert.InRange(sampled, 137, 263);
    }

    [Fact]
    public async Task Shadow_EveryWorkerIsBusy_WaitsAndRunsOnceOneIsIdle()
    {
        await using HeldServer held = await HeldServer.StartAsync(fixture.OneModel, "ShadowRate=1");
        (Task<ClassifyResponse> running, int answered) = await HoldWithAShadowWaitingAsync(held);
        int dispatches = held.ShadowDispatches;

        await Task.Delay(200, Token);

        Assert.Equal(dispatches, held.ShadowDispatches);
        held.Open();
        await running;
        Assert.Equal(answered + 1, await Eventually.GetAsync(() => Task.FromResult(Compared(held.Metrics)), compared => compared == answered + 1));
    }

    [Fact]
    public async Task Shadow_ImagesWait_IsDropped()
    {
        await using HeldServer held = await HeldServer.StartAsync(fixture.OneModel, "ShadowRate=1");
        (Task<ClassifyResponse> running, int answered) = await HoldWithAShadowWaitingAsync(held);
        int dispatches = held.ShadowDispatches;
        Task<ClassifyResponse>[] waiting = [.. Enumerable.Range(1, 5).Select(seed => held.Server.ClassifyAsync(TestImages.Png(seed)))];

        Assert.Equal(1, await Eventually.GetAsync(() => Task.FromResult(Dropped(held.Metrics)), dropped => dropped == 1));
        Assert.Equal(dispatches, held.ShadowDispatches);
        Assert.Equal(0, await KeptAsync(held.Metrics));
        held.Open();
        await Task.WhenAll([running, .. waiting]);
        Assert.Equal(answered + 6, await Eventually.GetAsync(() => Task.FromResult(Compared(held.Metrics) + Dropped(held.Metrics)), found => found == answered + 6));
        Assert.Equal(0, await KeptAsync(held.Metrics));
    }

    [Fact]
    public async Task Shadow_NoWorkerIsIdleForLong_IsDropped()
    {
        await using HeldServer held = await HeldServer.StartAsync(fixture.OneModel, "ShadowRate=1");
        (Task<ClassifyResponse> running, _) = await HoldWithAShadowWaitingAsync(held);

        Assert.Equal(1, await Eventually.GetAsync(() => Task.FromResult(held.Metrics.Sum($"lcnet.shadow.drops{{{Model},reason=busy}}")), dropped => dropped == 1));
        Assert.Equal(0, await KeptAsync(held.Metrics));
        held.Open();
        await running;
    }

    [Fact]
    public async Task Shadow_Throws_IsToldToNobody()
    {
        int thrown = 0;
        await using TestServer server = await StartAsync(() => Thread.CurrentThread.Name == "lcnet-shadow" && Interlocked.Increment(ref thrown) > 0 ? new BadImageFormatException("shadow") : null);
        using var metrics = new MetricCapture(server);
        for (int seed = 0; seed < 10; seed++)
        {
            await server.ClassifyAsync(TestImages.Png(seed));
        }

        Assert.Equal(10, await Eventually.GetAsync(() => Task.FromResult(metrics.Sum($"lcnet.shadow.drops{{{Model},reason=failed}}")), failed => failed == 10));
        Assert.Equal(0, metrics.Sum($"lcnet.failures{{{Model}}}"));
        Assert.Equal(StatusCode.OK, (await server.StatusOfAsync(TestImages.Png(1))).StatusCode);
        Assert.True((await server.Http.GetAsync(new Uri("/readyz", UriKind.Relative), Token)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task Stop_ShadowsWait_GivesThemUp()
    {
        await using TestServer server = await StartAsync(() => null);
        using var metrics = new MetricCapture(server);
        for (int seed = 0; seed < 10; seed++)
        {
            await server.ClassifyAsync(TestImages.Png(seed));
        }

        await server.App.StopAsync(Token);
        Assert.Equal(0, await KeptAsync(metrics));
    }

    [Fact]
    public async Task MinAgreement_TrafficUnlikeTheTable_RaisesTheEffortOfRequestsThatLeaveIt()
    {
        // The table says 95 % everywhere; beta's answers are hardly ever the whole network's.
        await using TestServer server = await TestServer.StartAsync(fixture.SeveralModels, "ShadowRate=1", "MinAgreement=0.9", "DefaultEffort=0.25", "Workers=8");
        var request = new ClassifyRequest { Model = ServerFixture.OtherModel };
        double effort = 0;
        for (int seed = 0; seed < 400 && effort < 1; seed++)
        {
            request.EncodedImage = TestImages.Png(seed).EncodedImage;
            effort = (await server.ClassifyAsync(request)).Compute.Effort;
            await Task.Delay(2, Token);
        }

        Assert.Equal(1, effort);
        request.Effort = 0.4;
        Assert.Equal(0.4, (await server.ClassifyAsync(request)).Compute.Effort);
        using var metrics = new MetricCapture(server);
        metrics.Observe();
        Assert.Equal(1, metrics.Sum($"lcnet.effort.floor{{model={ServerFixture.OtherModel}}}"));
        Assert.Equal(1, metrics.Sum($"lcnet.effort{{model={ServerFixture.OtherModel}}}"));
    }

    [Theory]
    [InlineData("0.9", "0.25", false)]
    [InlineData("0.97", "1", true)]
    public async Task MinAgreement_WhereTheTablePutsTheFloor_IsSaidAtTheStart(string minAgreement, string floor, bool isOutOfReach)
    {
        // The table says 95 % everywhere.
        var log = new LogLines();
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, services => services.AddSingleton<ILoggerProvider>(log), "LogLevel=Information", "ShadowRate=0.01", $"MinAgreement={minAgreement}");

        string line = Assert.Single(log.Of("EffortFloorSet"));
        Assert.Contains($"the floor of effort is {floor},", line, StringComparison.Ordinal);
        Assert.Equal(isOutOfReach, line.Contains("no effort of the table is enough", StringComparison.Ordinal));
    }

    private static double Compared(MetricCapture metrics) => Total(metrics, "lcnet.shadow.images");

    private static double Dropped(MetricCapture metrics) => Total(metrics, "lcnet.shadow.drops");

    private static double Total(MetricCapture metrics, string instrument) =>
        metrics.Series.Where(series => series.StartsWith(instrument, StringComparison.Ordinal)).Sum(metrics.Sum);

    // Images that are kept for a shadow; what is kept a moment longer than its outcome is counted is waited for.
    private static Task<double> KeptAsync(MetricCapture metrics) => Eventually.GetAsync(
        () =>
        {
            metrics.Observe();
            return Task.FromResult(metrics.Sum($"lcnet.shadow.waiting{{{Model}}}"));
        },
        kept => kept == 0);

    // A shadow waits while an image is held: it was let go of before its shadow could run, which needs 20 ms; on a busy machine that takes some attempts.
    private static async Task<(Task<ClassifyResponse> Running, int Answered)> HoldWithAShadowWaitingAsync(HeldServer held)
    {
        for (int answered = 1; answered < 100; answered += 2)
        {
            await held.Server.ClassifyAsync(TestImages.Png(1));
            held.Close();
            Task<ClassifyResponse> running = held.Server.ClassifyAsync(TestImages.Png(2));
            await held.WaitAsync();

            // A segment that had begun ends.
            await Task.Delay(20, Token);
            if (Compared(held.Metrics) < answered)
            {
                return (running, answered);
            }

            held.Open();
            await running;
            await Eventually.GetAsync(() => Task.FromResult(Compared(held.Metrics)), compared => compared == answered + 1);
        }

        Assert.Fail("No shadow waited.");
        throw new InvalidOperationException();
    }

    // One worker; every image is sampled.
    private Task<TestServer> StartAsync(Func<Exception?> fault)
    {
        var executors = new FaultyExecutors(bundle => new SimdExecutor(bundle)) { Fault = fault };
        return TestServer.StartAsync(fixture.OneModel, services => services.AddSingleton<EngineFactory>(executors.Load), "Workers=1", "ShadowRate=1");
    }
}
