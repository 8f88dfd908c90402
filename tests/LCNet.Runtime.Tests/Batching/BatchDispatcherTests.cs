using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Batching;

public sealed class BatchDispatcherTests : IDisposable
{
    private const int MaxImages = 13;

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 0.5)]
    [InlineData(false, 100)]
    [InlineData(true, 0)]
    [InlineData(true, 0.5)]
    [InlineData(true, 100)]
    public void Run_AnyBatch_EqualsEachImageAlone(bool bottleneck, double launchShare)
    {
        Bundle bundle = Export(bottleneck);
        using var alone = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane aloneLane = alone.CreateLane();
        var reference = new Dispatcher(bundle, aloneLane);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"));
        using OnnxBatchLane lane = executor.CreateLane(BatchWarmUp.Rows(MaxImages).Most);
        var dispatcher = new BatchDispatcher(bundle, lane, TestCosts.Linear(bundle, MaxImages, launchShare), MaxImages);
        float[][] images = TestBundles.Images(bundle, 60, 1);
        var random = new Random(2);
        var expected = new InferenceResult(bundle.Manifest);
        for (int round = 0; round < 40; round++)
        {
            BatchImage[] batch = RandomBatch(bundle, images, random);
            dispatcher.Run(batch);
            foreach (BatchImage image in batch)
            {
                reference.Run(image.Pixels.Span, image.Effort, image.Cap, expected);
                AssertSame(bundle, expected, image);
                Assert.Equal(batch.Length, image.Result.BatchSize);
            }
        }
    }

    public void Dispose() => _folder.Dispose();

    private static BatchImage[] RandomBatch(Bundle bundle, float[][] images, Random random) =>
        [.. Enumerable.Range(0, random.Next(1, MaxImages + 1)).Select(_ => new BatchImage(
            images[random.Next(images.Length)],
            1 - (0.9 * random.NextDouble()),
            random.Next(3) switch
            {
                0 => random.NextInt64(bundle.Flops.Minimum, bundle.Flops.Dense + (2 * bundle.Flops.Gates)),
                1 => bundle.Flops.Minimum,
                _ => Planner.NoCap,
            },
            new InferenceResult(bundle.Manifest),
            default))];

    private static void AssertSame(Bundle bundle, InferenceResult expected, BatchImage image)
    {
        InferenceResult actual = image.Result;
        Assert.All(expected.Logits.ToArray().Zip(actual.Logits.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.Equal(image.Effort, actual.Effort);
        Assert.Equal(expected.Plan.Flops, actual.Plan.Flops);
        Assert.InRange(actual.Plan.Flops, bundle.Flops.Minimum, image.Cap);
        Assert.InRange(actual.ExecutedFlops, actual.Plan.Flops, image.Cap);
        for (int block = 0; block < expected.Plan.Blocks; block++)
        {
            Assert.Equal(expected.Plan.Kept(block), actual.Plan.Kept(block));
        }
    }

    private Bundle Export(bool bottleneck) => bottleneck ? TestBundles.Bottleneck(_folder) : TestBundles.Basic(_folder);
}
