using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Engine;

public class AllocationTests
{
    [Theory]
    [InlineData(ExecutorKind.OnnxRuntime, 1, 1)]
    [InlineData(ExecutorKind.OnnxRuntime, 0.3, 1)]
    [InlineData(ExecutorKind.OnnxRuntime, 1, 0.4)]
    [InlineData(ExecutorKind.Simd, 1, 1)]
    [InlineData(ExecutorKind.Simd, 0.3, 1)]
    [InlineData(ExecutorKind.Simd, 1, 0.4)]
    public void Run_WarmDispatcher_AllocatesNothing(ExecutorKind kind, double effort, double capShare)
    {
        using var folder = new TemporaryFolder();
        Bundle bundle = TestBundles.Basic(folder);
        using ISegmentExecutor executor = kind == ExecutorKind.Simd ? new SimdExecutor(bundle) : new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        long cap = capShare < 1 ? bundle.Flops.Minimum + (long)(capShare * (bundle.Flops.Dense - bundle.Flops.Minimum)) : Planner.NoCap;
        float[][] seen = TestBundles.Images(bundle, 4, 3);
        float[][] unseen = TestBundles.Images(bundle, 40, 4);
        long executed = 0;
        void RunAll(float[][] images)
        {
            executed = 0;
            foreach (float[] image in images)
            {
                dispatcher.Run(image, effort, cap, result);
                executed += result.ExecutedFlops;
            }
        }

        RunAll(seen);
        RunAll(seen);
        long before = GC.GetAllocatedBytesForCurrentThread();
        RunAll(unseen);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(executed > unseen.Length * bundle.Flops.Minimum);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.4)]
    public void Run_WarmBatchDispatcher_AllocatesNothing(double capShare)
    {
        const int MaxImages = 16;
        using var folder = new TemporaryFolder();
        Bundle bundle = TestBundles.Basic(folder);
        var sizes = new FixedSizes(MaxImages);
        using var lane = new QuietBatchLane(bundle.Manifest, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, MaxImages);
        long cap = capShare < 1 ? bundle.Flops.Minimum + (long)(capShare * (bundle.Flops.Dense - bundle.Flops.Minimum)) : Planner.NoCap;
        float[] image = new float[bundle.Manifest.Input.Length];
        BatchImage[] batch = [.. Enumerable.Range(0, MaxImages).Select(i => new BatchImage(image, 1, i % 2 == 0 ? cap : Planner.NoCap, new InferenceResult(bundle.Manifest), default))];
        dispatcher.Run(batch);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int count = 1; count <= MaxImages; count++)
        {
            dispatcher.Run(batch.AsSpan(0, count));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(lane.Dispatches > 50, $"{lane.Dispatches}");
    }

    [Fact]
    public void Run_WarmBatchLane_AllocatesLittleADispatchWhateverItsImages()
    {
        const int MaxImages = 16;
        using var folder = new TemporaryFolder();
        Bundle bundle = TestBundles.Basic(folder);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"), new FixedSizes(MaxImages));
        using OnnxBatchLane lane = executor.CreateLane();
        var dispatcher = new BatchDispatcher(bundle, lane, executor.Rows, MaxImages);
        BatchImage[] batch = [.. TestBundles.Images(bundle, MaxImages, 3).Select(image => new BatchImage(image, 1, Planner.NoCap, new InferenceResult(bundle.Manifest), default))];
        dispatcher.Run(batch);
        long before = GC.GetAllocatedBytesForCurrentThread();
        dispatcher.Run(batch);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;

        // A dispatch of each block and one of each shortcut that runs alone; besides those, gates, stem and head; and their rows are gathered.
        int most = 2 * ((2 * bundle.Manifest.Blocks.Count) + bundle.Manifest.Spans.Count + 2);
        Assert.InRange(bytes, 0, most * 1024);
    }
}
