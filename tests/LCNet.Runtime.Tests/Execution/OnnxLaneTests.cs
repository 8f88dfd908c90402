using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Execution;

public sealed class OnnxLaneTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lane_EveryPatternOfSkippedBlocks_EqualsTheFilesRunOneByOne(bool bottleneck)
    {
        Bundle bundle = Export(bottleneck);
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        using var reference = new SegmentReference(bundle);
        int blocks = bundle.Manifest.Blocks.Count;
        float[][] images = TestBundles.Images(bundle, 1 << blocks, 1);
        var random = new Random(2);
        var seen = new HashSet<float>();
        for (int pattern = 0; pattern < 1 << blocks; pattern++)
        {
            BlockChoice?[] choices = Choices(bundle, random, pattern);
            float[] logits = Run(bundle, lane, images[pattern], choices);
            Assert.All(reference.Run(images[pattern], choices).Zip(logits), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
            seen.Add(logits[0]);
        }

        Assert.Equal(1 << blocks, seen.Count);
    }

    [Fact]
    public void Gate_AfterSkippedBlocks_SeesTheActivationThatTheyLeft()
    {
        Bundle bundle = Export(bottleneck: false);
        BundleManifest manifest = bundle.Manifest;
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        using var reference = new SegmentReference(bundle);
        float[] image = TestBundles.Images(bundle, 1, 3)[0];

        // Every block is skipped, which changes the activation where its shortcut projects.
        var seen = new HashSet<float>();
        float[] x = reference.Segment(manifest.Stem.File, ("image", image, [1, 3, manifest.Input.Height, manifest.Input.Width]))[0];
        lane.Stem(image);
        for (int block = 0; block < manifest.Blocks.Count; block++)
        {
            BlockSpec spec = manifest.Blocks[block];
            (string, float[], long[]) map = ("x", x, [1, spec.Input.Channels, spec.Input.Height, spec.Input.Width]);
            foreach (float price in new[] { 0, 0.2f, 0.4f, 0.6f, 0.8f, 1 })
            {
                float[] layers = new float[1];
                float[] channels = new float[spec.Channels];
                lane.Gate(block, price, layers, channels);
                float[][] expected = reference.Segment(manifest.Spans[block].File, map, ("price", [price], [1, 1]));
                Assert.All(expected[0].Zip(layers), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
                Assert.All(expected[1].Zip(channels), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
                seen.UnionWith(channels);
            }

            if (spec.ShortcutFile is not null)
            {
                lane.Shortcut(block);
                x = reference.Segment(spec.ShortcutFile, map)[0];
            }
        }

        Assert.True(seen.Count > 10, $"{seen.Count}");
    }

    [Fact]
    public void Run_AfterOtherImages_GivesWhatAFreshLaneGives()
    {
        Bundle bundle = Export(bottleneck: false);
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane used = executor.CreateLane();
        float[][] images = TestBundles.Images(bundle, 20, 4);
        var random = new Random(5);
        for (int i = 0; i < images.Length; i++)
        {
            BlockChoice?[] choices = Choices(bundle, random, random.Next(32));
            using ISegmentLane fresh = executor.CreateLane();
            Assert.Equal(Run(bundle, fresh, images[i], choices), Run(bundle, used, images[i], choices));
        }
    }

    [Fact]
    public void Lanes_TakingTurnsWithinAnImage_DoNotDisturbEachOther()
    {
        Bundle bundle = Export(bottleneck: false);
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane first = executor.CreateLane();
        using ISegmentLane second = executor.CreateLane();
        float[][] images = TestBundles.Images(bundle, 2, 6);
        BlockChoice?[][] choices = [Choices(bundle, new Random(7), 31), Choices(bundle, new Random(8), 21)];
        float[][] alone = [Run(bundle, first, images[0], choices[0]), Run(bundle, first, images[1], choices[1])];

        first.Stem(images[0]);
        second.Stem(images[1]);
        for (int block = 0; block < bundle.Manifest.Blocks.Count; block++)
        {
            RunBlock(bundle, first, block, choices[0][block]);
            RunBlock(bundle, second, block, choices[1][block]);
        }

        Assert.Equal(alone[0], Head(bundle, first));
        Assert.Equal(alone[1], Head(bundle, second));
        Assert.NotEqual(alone[0], alone[1]);
    }

    [Fact]
    public void Lanes_OnTwoThreads_GiveTheSameAsOneAfterTheOther()
    {
        Bundle bundle = Export(bottleneck: true);
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        float[][] images = TestBundles.Images(bundle, 60, 9);
        float[][] sequential = new float[images.Length][];
        Work(bundle, executor, images, sequential, 0);
        float[][][] parallel = [new float[images.Length][], new float[images.Length][]];
        var threads = parallel.Select((results, i) => new Thread(() => Work(bundle, executor, images, results, i * 31))).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        Assert.Equal(sequential, parallel[0]);
        Assert.Equal(sequential, parallel[1]);
    }

    public void Dispose() => _folder.Dispose();

    // Runs every image through the gates on a lane of its own, beginning anywhere.
    private static void Work(Bundle bundle, OnnxExecutor executor, float[][] images, float[][] results, int start)
    {
        using ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        for (int i = 0; i < images.Length; i++)
        {
            int index = (start + i) % images.Length;
            dispatcher.Run(images[index], 1, Planner.NoCap, result);
            results[index] = result.Logits.ToArray();
        }
    }

    private static BlockChoice?[] Choices(Bundle bundle, Random random, int pattern) =>
        [.. bundle.Manifest.Blocks.Select((block, i) => (pattern >> i & 1) == 1 ? BlockChoice.Random(random, block.Channels) : null)];

    private static float[] Run(Bundle bundle, ISegmentLane lane, float[] image, BlockChoice?[] choices)
    {
        lane.Stem(image);
        for (int block = 0; block < choices.Length; block++)
        {
            RunBlock(bundle, lane, block, choices[block]);
        }

        return Head(bundle, lane);
    }

    private static void RunBlock(Bundle bundle, ISegmentLane lane, int block, BlockChoice? choice)
    {
        if (choice is not null)
        {
            lane.Block(block, choice.Keep, choice.Scales, choice.Layer);
        }
        else if (bundle.Manifest.Blocks[block].ShortcutFile is not null)
        {
            lane.Shortcut(block);
        }
    }

    private static float[] Head(Bundle bundle, ISegmentLane lane)
    {
        float[] logits = new float[bundle.Manifest.Labels.Count];
        lane.Head(logits);
        return logits;
    }

    private Bundle Export(bool bottleneck) => bottleneck ? TestBundles.Bottleneck(_folder) : TestBundles.Basic(_folder);
}
