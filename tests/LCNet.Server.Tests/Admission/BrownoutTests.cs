using Grpc.Core;
using LCNet.Runtime.Execution.Simd;
using LCNet.Server.Models;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

/// <summary>What a server that is asked for too much does to effort.</summary>
public sealed class BrownoutTests : IAsyncLifetime
{
    private const int Calls = 24;
    private const double Least = 0.4;
    private readonly TemporaryFolder _folder = new();

    public ValueTask InitializeAsync()
    {
        TestBundle.Write(_folder.FullName, ServerFixture.Model, 1, seed: 5, side: 128);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Classify_TooManyCalls_GetLessEffortUnlessTheySayHowMuch()
    {
        // What waits is always worth more than the objective.
        await using TestServer server = await TestServer.StartAsync(
            _folder.FullName, "Workers=1", "Brownout=true", $"BrownoutEffort={Least}", "QueueObjective=00:00:00.005");
        using var metrics = new MetricCapture(server);
        var free = new List<ClassifyResponse>();
        var fixedEffort = new List<ClassifyResponse>();
        var capped = new List<ClassifyResponse>();
        double gauge = 1;
        long cap = (await server.ClassifyAsync(TestImages.Png(1))).Compute.DenseFlops * 3 / 4;
        for (int round = 0; round < 200 && (free.All(reply => reply.Compute.Effort > Least) || fixedEffort.Count == 0 || capped.Count == 0); round++)
        {
            await Task.WhenAll(Enumerable.Range(0, Calls).Select(async i =>
            {
                ClassifyRequest request = TestImages.Png(i);
                if (i % 3 == 1)
                {
                    request.Effort = 0.9;
                }
                else if (i % 3 == 2)
                {
                    request.MaxFlops = cap;
                }

                try
                {
                    ClassifyResponse reply = await server.ClassifyAsync(request);
                    lock (free)
                    {
                        (i % 3 == 0 ? free : i % 3 == 1 ? fixedEffort : capped).Add(reply);
                        gauge = Math.Min(gauge, MetricCheck.Observed(metrics, $"lcnet.effort{{model={ServerFixture.Model}}}"));
                    }
                }
                catch (RpcException refusal) when (refusal.StatusCode == StatusCode.ResourceExhausted)
                {
                    // Effort alone does not help here.
                }
            }));
        }

        Assert.Contains(free, reply => reply.Compute.Effort == Least);
        Assert.All(free, reply => Assert.InRange(reply.Compute.Effort, Least, 1));
        Assert.All(fixedEffort, reply => Assert.Equal(0.9, reply.Compute.Effort));
        Assert.All(capped, reply => Assert.InRange(reply.Compute.PlannedFlops, 0, cap));
        Assert.Single(capped.Select(reply => reply.Compute.Effort).Distinct());
        Assert.InRange(gauge, Least, 1);

        double effort = await Eventually.GetAsync(
            () => Task.FromResult(MetricCheck.Observed(metrics, $"lcnet.effort{{model={ServerFixture.Model}}}")), value => value == 1);
        Assert.Equal(1, effort);

        // A call by itself may still find a step that was taken on what waited before.
        Assert.Equal(1, await Eventually.GetAsync(async () => (await server.ClassifyAsync(TestImages.Png(1))).Compute.Effort, value => value == 1));
    }

    [Fact]
    public async Task Effort_ReadBetweenSteps_StaysAsItIs()
    {
        var time = new SteppedTime();
        using var gate = new ManualResetEventSlim(true);
        var executors = new FaultyExecutors(bundle => new SimdExecutor(bundle))
        {
            Fault = () =>
            {
                gate.Wait(TimeSpan.FromMinutes(2), CancellationToken.None);
                return null;
            },
        };
        await using TestServer server = await TestServer.StartAsync(
            _folder.FullName,
            services =>
            {
                services.AddSingleton<TimeProvider>(time);
                services.AddSingleton<EngineFactory>(executors.Load);
            },
            "Workers=1", "Brownout=true", $"BrownoutEffort={Least}", "QueueObjective=00:00:01");
        using var metrics = new MetricCapture(server);
        double Effort() => MetricCheck.Observed(metrics, $"lcnet.effort{{model={ServerFixture.Model}}}");
        time.Step();
        Assert.Equal(1, Effort());

        // Something waits, time goes by, and everybody looks.
        gate.Reset();
        var calls = new List<Task<Status>>();
        do
        {
            calls.Add(server.StatusOfAsync(TestImages.Png(calls.Count)));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        while (MetricCheck.Observed(metrics, $"lcnet.queue.delay{{model={ServerFixture.Model}}}") < 0.7 && calls.All(call => !call.IsCompleted));
        time.Advance(TimeSpan.FromMinutes(1));
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(1, Effort());
        }

        time.Step();
        Assert.InRange(Effort(), Least, 0.99);
        gate.Set();
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task Classify_BrownoutIsOff_KeepsTheDefaultEffort()
    {
        await using TestServer server = await TestServer.StartAsync(
            _folder.FullName, "Workers=1", "Brownout=false", "DefaultEffort=0.8", "QueueObjective=00:00:00.005");
        for (int round = 0; round < 3; round++)
        {
            Status[] statuses = await Task.WhenAll(Enumerable.Range(0, Calls).Select(async seed =>
            {
                try
                {
                    Assert.Equal(0.8, (await server.ClassifyAsync(TestImages.Png(seed))).Compute.Effort);
                    return Status.DefaultSuccess;
                }
                catch (RpcException exception)
                {
                    return exception.Status;
                }
            }));
            Assert.All(statuses, status => Assert.True(status.StatusCode is StatusCode.OK or StatusCode.ResourceExhausted, $"{status}"));
        }
    }
}
