using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Runtime.Tests.Synthetic;
using LCNet.Training.Networks;

namespace LCNet.Runtime.Tests.Batching;

public sealed class BatchDispatcherTests : IDisposable
{
    private const int MaxImages = 13;

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_AnyBatch_EqualsEachImageAlone(bool bottleneck)
    {
        Bundle bundle = Export(bottleneck);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"), new FixedSizes(MaxImages));
        AssertSameAsAlone(executor, seed: 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Run_NetworkOfRandomShape_EqualsEachImageAlone(int seed)
    {
        var random = new Random(seed);
        bool isBottleneck = seed % 2 == 0;
        bool pools = random.Next(2) == 0;
        ResNetSpec spec = new()
        {
            Kind = isBottleneck ? BlockKind.Bottleneck : BlockKind.Basic,
            Span = (GateSpan)random.Next(3),
            BlocksPerStage = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(1, 4))],
            Width = random.Next(3, 11),
            HiddenUnits = random.Next(2) * 6,
            Classes = random.Next(2, 12),
            Stem = pools ? StemKind.ImageNet : StemKind.Cifar,
            InputSize = pools ? 32 : 16,
            StridesFirst = isBottleneck && random.Next(2) == 0,
        };
        using LcNet network = RandomNetwork.Make(spec, seed);
        Bundle bundle = RandomNetwork.Export(network, _folder.Path, "any", half: random.Next(2) == 0);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"), new FixedSizes(MaxImages));
        AssertSameAsAlone(executor, seed);
    }

    [Fact]
    public void Run_TwoLanesAtOnce_EqualsEachImageAlone()
    {
        Bundle bundle = Export(bottleneck: true);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"), new FixedSizes(MaxImages));
        Parallel.For(0, 2, thread => AssertSameAsAlone(executor, thread));
    }

    [Fact]
    public void Run_StagedImages_AreTakenFromWhereTheyLie()
    {
        Bundle bundle = Export(bottleneck: false);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"), new FixedSizes(MaxImages));
        using OnnxBatchLane lane = executor.CreateLane();
        var dispatcher = new BatchDispatcher(bundle, lane, executor.Rows, MaxImages);
        var random = new Random(3);
        BatchImage[] plain = [.. Enumerable.Repeat(0, 5).SelectMany(_ => RandomBatch(bundle, TestBundles.Images(bundle, 60, 1), random)).Take(MaxImages)];
        BatchImage[] staged = [.. plain.Select((image, i) =>
        {
            InferenceResult result = new(bundle.Manifest);
            if (i % 3 == 2)
            {
                return image with { Result = result };
            }

            image.Pixels.Span.CopyTo(executor.Images.Rent(out nint at));
            return image with { Result = result, Pixels = default, Staged = at };
        })];
        random.Shuffle(staged);
        dispatcher.Run(plain);
        dispatcher.Run(staged);
        Assert.Equal(plain.Select(Key).Order(), staged.Select(Key).Order());

        static (long, float) Key(BatchImage image) => (image.Result.Plan.Flops, image.Result.Logits[0]);
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertSameAsAlone(OnnxBatchExecutor executor, int seed)
    {
        Bundle bundle = executor.Bundle;
        using OnnxBatchLane lane = executor.CreateLane();
        var dispatcher = new BatchDispatcher(bundle, lane, executor.Rows, MaxImages);
        using var alone = new SimdExecutor(bundle);
        using ISegmentLane aloneLane = alone.CreateLane();
        var reference = new Dispatcher(bundle, aloneLane);
        float[][] images = TestBundles.Images(bundle, 60, 1);
        var random = new Random(seed);
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
