using System.Collections.Concurrent;
using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Engine;

public sealed class BatchTraceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task RunAsync_ImagesThatShareDispatches_HaveSpansOfTheirOwnWithTheirShareOfTheFlops()
    {
        Bundle bundle = TestBundles.Basic(_folder);
        using InferenceEngine engine = InferenceEngine.Load(bundle, new EngineOptions
        {
            Executor = ExecutorKind.Batched,
            MaxBatch = 5,
            MaxDelay = TimeSpan.FromSeconds(5),
            FlopsBudget = long.MaxValue,
        });
        var spans = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ImageActivities.SourceName,
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        float[][] images = TestBundles.Images(bundle, 5, 1);
        (string? Parent, InferenceResult Result)[] ran = await Task.WhenAll(images.Select(async image =>
        {
            using Activity? parent = ImageActivities.Source.StartActivity(ImageActivities.Image);
            InferenceResult result = engine.CreateResult();
            await engine.RunAsync(image, 0.8, Planner.NoCap, result, TestContext.Current.CancellationToken);
            Assert.Same(parent, Activity.Current);
            return (parent?.Id, result);
        }));

        string[] stages = ["stem", .. bundle.Manifest.Spans.SelectMany(_ => new[] { "gate", "blocks" }), "head"];
        foreach ((string? parent, InferenceResult result) in ran)
        {
            Assert.Equal(5, result.BatchSize);
            Activity[] own = [.. spans.Where(span => span.ParentId == parent).OrderBy(span => span.StartTimeUtc)];
            Assert.Equal(["queue", .. stages], own.Select(span => span.OperationName));
            Assert.Equal("batch", own[0].GetTagItem("lcnet.queue"));
            Assert.Equal(result.ExecutedFlops, own.Sum(span => (long?)span.GetTagItem(ImageActivities.Flops) ?? 0));
            Assert.Equal(
                Enumerable.Range(0, result.Plan.Blocks).Count(result.Plan.Runs),
                own.Where(span => span.OperationName == "blocks").Sum(span => (int)span.GetTagItem("lcnet.block.executions")!));
        }
    }

    public void Dispose() => _folder.Dispose();
}
