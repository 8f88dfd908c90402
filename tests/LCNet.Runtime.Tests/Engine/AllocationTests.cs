using LCNet.Bundles;
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
}
