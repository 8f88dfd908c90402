using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Batching;

/// <summary>What a batch dispatches, on a device that keeps account of each row instead of computing it.</summary>
public sealed class BatchRoutingTests : IDisposable
{
    private const int MaxImages = 11;
    private const int Names = 1000;

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_AnySaliences_TakesEachImageThroughItsOwnPlan(bool bottleneck)
    {
        Bundle bundle = Export(bottleneck);
        var sizes = new FixedSizes(MaxImages);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, MaxImages);
        var random = new Random(1);
        int shared = 0;
        for (int round = 0; round < 300; round++)
        {
            BatchImage[] batch = Script(bundle, lane, random, random.Next(1, MaxImages + 1), round % 3);
            dispatcher.Run(batch);
            foreach (BatchImage image in batch)
            {
                (ImagePlan plan, int history) = Alone(bundle, lane, image);
                Assert.Equal((image.Pixels.Span[0], history), (image.Result.Logits[0], (int)image.Result.Logits[1]));
                Assert.Equal(plan.Flops, image.Result.Plan.Flops);
                Assert.InRange(image.Result.ExecutedFlops, plan.Flops, image.Cap);
            }

            Assert.Equal(lane.Flops, batch.Sum(image => image.Result.ExecutedFlops));
            Assert.Equal(bundle.Manifest.Spans.Count, lane.Calls.Count(call => call.StartsWith("gate", StringComparison.Ordinal)));
            shared += lane.Dispatches.Count < batch.Sum(image => Enumerable.Range(0, image.Result.Plan.Blocks).Count(image.Result.Plan.Runs)) ? 1 : 0;
        }

        Assert.True(shared > 50, $"{shared}");
    }

    [Fact]
    public void Run_ImagesAlike_ShareEveryDispatchAndItsCost()
    {
        Bundle bundle = Export(bottleneck: false);
        var sizes = new FixedSizes(8);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, 8);
        BatchImage[] batch = Script(bundle, lane, new Random(2), 8, caps: 2);
        foreach ((int Image, int Span) key in lane.Gates.Keys)
        {
            lane.Gates[key] = ([1], Enumerable.Repeat(0.5f, lane.Gates[key].Channels.Length).ToArray());
        }

        dispatcher.Run(batch);

        Assert.Equal(["stem", "gate 0", "block 0", "gate 1", "block 1", "gate 2", "block 2", "gate 3", "block 3", "gate 4", "block 4", "head 0"], lane.Calls);
        Assert.All(batch, image => Assert.Equal(image.Result.Plan.Flops, image.Result.ExecutedFlops));
    }

    [Fact]
    public void Run_EveryBlockSkipped_DispatchesProjectionsOnly()
    {
        Bundle bundle = Export(bottleneck: false);
        var sizes = new FixedSizes(8);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, 8);
        BatchImage[] batch = Script(bundle, lane, new Random(3), 8, caps: 2);
        foreach ((int Image, int Span) key in lane.Gates.Keys)
        {
            lane.Gates[key] = ([0], lane.Gates[key].Channels);
        }

        dispatcher.Run(batch);

        Assert.Equal(["stem", "gate 0", "gate 1", "gate 2", "shortcut 2", "gate 3", "shortcut 3", "gate 4", "head 0"], lane.Calls);
        Assert.All(batch, image => Assert.Equal(bundle.Flops.Minimum, image.Result.ExecutedFlops));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public void Run_CapsThatLeaveNothing_PadNothing(int count)
    {
        Bundle bundle = Export(bottleneck: false);
        var sizes = new FixedSizes(8);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, 8);
        BatchImage[] batch = [.. Script(bundle, lane, new Random(4), count, caps: 2).Select(image => image with { Cap = bundle.Flops.Minimum })];

        dispatcher.Run(batch);

        Assert.All(batch, image => Assert.Equal(bundle.Flops.Minimum, image.Result.ExecutedFlops));
        Assert.Equal(count * bundle.Flops.Minimum, lane.Flops);
    }

    [Fact]
    public void Run_OneCapAmongImagesWithout_LeavesThePaddingToThem()
    {
        Bundle bundle = Export(bottleneck: false);
        var sizes = new FixedSizes(4);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, 4);
        BatchImage[] batch = Script(bundle, lane, new Random(5), 3, caps: 2);
        batch[1] = batch[1] with { Cap = bundle.Flops.Minimum };

        dispatcher.Run(batch);

        // Stem, gates and head run padded to four rows all the same.
        Assert.Equal(bundle.Flops.Minimum, batch[1].Result.ExecutedFlops);
        long always = bundle.Manifest.Stem.Flops + bundle.Flops.Gates + bundle.Manifest.Head.Flops;
        Assert.True(lane.Flops >= (4 * always) + (2 * (bundle.Flops.Minimum - always)));
        Assert.Equal(lane.Flops, batch.Sum(image => image.Result.ExecutedFlops));
    }

    [Fact]
    public void Run_AfterABatchThatFailed_IsAsIfThatHadNotBeen()
    {
        Bundle bundle = Export(bottleneck: false);
        var sizes = new FixedSizes(8);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, 8);
        for (int round = 0; round < 20; round++)
        {
            BatchImage[] lost = Script(bundle, lane, new Random(round), 8, caps: 0);
            lane.Failure = new IOException("gone");
            Assert.Same(lane.Failure, Assert.Throws<IOException>(() => dispatcher.Run(lost)));
            lane.Failure = null;
            BatchImage[] batch = Script(bundle, lane, new Random(100 + round), 8, caps: 0);
            dispatcher.Run(batch);
            Assert.All(batch, image => Assert.Equal((image.Pixels.Span[0], Alone(bundle, lane, image).History), (image.Result.Logits[0], (int)image.Result.Logits[1])));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    public void Run_TooFewOrTooManyImages_IsRefused(int count)
    {
        Bundle bundle = Export(bottleneck: false);
        var sizes = new FixedSizes(8);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        var dispatcher = new BatchDispatcher(bundle, lane, sizes, 8);
        BatchImage[] batch = Script(bundle, lane, new Random(6), count, caps: 2);
        Assert.Throws<ArgumentOutOfRangeException>(() => dispatcher.Run(batch));
    }

    public void Dispose() => _folder.Dispose();

    // A batch of images with names of their own, and what gates say of each. Caps: 0 for any, 1 for those that may bind, 2 for none.
    private static BatchImage[] Script(Bundle bundle, SymbolicBatchLane lane, Random random, int count, int caps)
    {
        BundleManifest manifest = bundle.Manifest;
        lane.Gates.Clear();
        lane.Calls.Clear();
        lane.Dispatches.Clear();
        lane.Forget();
        double open = random.NextDouble();
        int[] names = [.. Enumerable.Range(0, Names)];
        random.Shuffle(names);
        return [.. names.Take(count).Select(name =>
        {
            foreach ((int i, SpanSpec span) in manifest.Spans.Index())
            {
                lane.Gates[(name, i)] = (TestBundles.Saliences(random, span.Blocks, open), TestBundles.Saliences(random, manifest.ChannelsOf(span), open));
            }

            float[] pixels = new float[manifest.Input.Length];
            pixels[0] = name;
            bool capped = caps == 1 || (caps == 0 && random.Next(2) == 0);
            long cap = capped ? random.NextInt64(bundle.Flops.Minimum, bundle.Flops.Dense + (2 * bundle.Flops.Gates)) : Planner.NoCap;
            return new BatchImage(pixels, 1 - random.NextDouble(), cap, new InferenceResult(manifest), default);
        })];
    }

    // The plan of an image by itself, and what becomes of it.
    private static (ImagePlan Plan, int History) Alone(Bundle bundle, SymbolicBatchLane lane, BatchImage image)
    {
        var planner = new Planner(bundle.Manifest, bundle.Flops);
        var plan = new ImagePlan(bundle.Manifest);
        planner.Begin(plan);
        int history = 0;
        foreach ((int i, SpanSpec span) in bundle.Manifest.Spans.Index())
        {
            (float[] layers, float[] channels) = lane.Gates[((int)image.Pixels.Span[0], i)];
            planner.Decide(plan, i, layers, channels, image.Cap);
            for (int block = span.FirstBlock; block < span.FirstBlock + span.Blocks; block++)
            {
                history = plan.Runs(block)
                    ? SymbolicBatchLane.After(history, block, plan.Kept(block).ToArray().Zip(Array.ConvertAll(plan.ChannelScales(block).ToArray(), scale => scale * plan.LayerScale(block))), plan.LayerScale(block))
                    : bundle.Manifest.Blocks[block].ShortcutFile is null ? history : SymbolicBatchLane.After(history, block);
            }
        }

        return (plan, (int)(float)history);
    }

    private Bundle Export(bool bottleneck) => bottleneck ? TestBundles.Bottleneck(_folder) : TestBundles.Basic(_folder);
}
