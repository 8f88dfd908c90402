using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Engine;

public sealed class DispatcherTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<(string File, int Kept), long> _counts = [];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_AnySaliences_CallsExactlyWhatTheyKeep(bool bottleneck)
    {
        Bundle bundle = Export(bottleneck);
        var lane = new RecordingLane(bundle.Manifest);
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        var random = new Random(1);
        var seen = new HashSet<string>();
        for (int i = 0; i < 300; i++)
        {
            // The same dispatcher and result again and again: nothing of an image may stay for the next.
            double effort = 1 - random.NextDouble();
            float[] image = [.. Enumerable.Range(0, bundle.Manifest.Input.Length).Select(_ => random.NextSingle())];
            Script(lane, bundle, random);
            dispatcher.Run(image, effort, Planner.NoCap, result);

            List<LaneCall> expected = Expected(bundle.Manifest, lane, image, effort);
            Assert.Equal(expected.Select(call => $"{call}"), lane.Calls.Select(call => $"{call}"));
            Assert.Equal(Count(bundle, lane.Calls), result.ExecutedFlops);
            Assert.Equal(result.ExecutedFlops, result.Plan.Flops);
            Assert.Equal(lane.Logits, result.Logits.ToArray());
            Assert.Equal(effort, result.Effort);
            seen.UnionWith(lane.Calls.Select(call => $"{call.Segment} {call.Index}"));
        }

        int shortcuts = bundle.Manifest.Blocks.Count(block => block.ShortcutFile is not null);
        Assert.Equal(2 + bundle.Manifest.Spans.Count + bundle.Manifest.Blocks.Count + shortcuts, seen.Count);
    }

    [Fact]
    public void Run_ImageOfAnotherLength_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Bundle bundle = TestBundles.Basic(folder);
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        using var dense = new DenseNetwork(bundle, ComputeDevice.Parse("cpu"));
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        float[] logits = new float[bundle.Manifest.Labels.Count];
        foreach (int length in new[] { 0, bundle.Manifest.Input.Length - 1, bundle.Manifest.Input.Length + 1 })
        {
            float[] image = new float[length];
            Assert.Throws<ArgumentException>(() => dispatcher.Run(image, 1, Planner.NoCap, result));
            Assert.Throws<ArgumentException>(() => dispatcher.RunOpen(image, result));
            Assert.Throws<ArgumentException>(() => dense.Run(image, logits));
        }
    }

    [Fact]
    public void Run_EveryBlockSkipped_CallsStemGatesProjectionsAndHeadOnly()
    {
        Bundle bundle = Export(bottleneck: false);
        var lane = new RecordingLane(bundle.Manifest);
        foreach (SpanSpec span in bundle.Manifest.Spans)
        {
            lane.Gates.Add((new float[span.Blocks], [.. Enumerable.Repeat(1f, bundle.Manifest.Blocks[span.FirstBlock].Channels)]));
        }

        var result = new InferenceResult(bundle.Manifest);
        new Dispatcher(bundle, lane).Run(new float[bundle.Manifest.Input.Length], 1, Planner.NoCap, result);
        Assert.Equal(
            ["stem 0", "gate 0", "gate 1", "gate 2", "shortcut 2", "gate 3", "shortcut 3", "gate 4", "head 0"],
            lane.Calls.Select(call => $"{call.Segment} {call.Index}"));
        Assert.Equal(bundle.Flops.Minimum, result.ExecutedFlops);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_AnyCap_DispatchesNoMoreThanItAndNothingThatGatesClosed(bool bottleneck)
    {
        Bundle bundle = Export(bottleneck);
        var lane = new RecordingLane(bundle.Manifest);
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        var random = new Random(2);
        float[] image = new float[bundle.Manifest.Input.Length];
        int bound = 0;
        for (int i = 0; i < 200; i++)
        {
            long cap = random.NextInt64(bundle.Flops.Minimum, bundle.Flops.Dense + bundle.Flops.Gates);
            Script(lane, bundle, random);
            dispatcher.Run(image, 1, cap, result);

            Assert.InRange(result.ExecutedFlops, bundle.Flops.Minimum, cap);
            Assert.Equal(Count(bundle, lane.Calls), result.ExecutedFlops);
            var open = Expected(bundle.Manifest, lane, image, 1).Where(call => call.Segment == "block").ToDictionary(call => call.Index);
            foreach (LaneCall call in lane.Calls.Where(call => call.Segment == "block"))
            {
                // Kept with the gate's own scale, or not at all.
                var scales = open[call.Index].Keep.Zip(open[call.Index].Values).ToDictionary(pair => pair.First, pair => pair.Second);
                Assert.Equal(call.Keep.Select(channel => scales[channel]), call.Values[..^1]);
                Assert.Equal(open[call.Index].Values[^1], call.Values[^1]);
            }

            bound += lane.Calls.Sum(call => call.Keep.Length) < open.Values.Sum(call => call.Keep.Length) ? 1 : 0;
        }

        Assert.InRange(bound, 20, 199);
    }

    [Fact]
    public void RunOpen_AnyNetwork_RunsEveryChannelOfEveryBlockUnscaledAndNoGate()
    {
        Bundle bundle = Export(bottleneck: true);
        var lane = new RecordingLane(bundle.Manifest);
        lane.Logits[1] = 3;
        var result = new InferenceResult(bundle.Manifest);
        float[] image = [.. Enumerable.Range(0, bundle.Manifest.Input.Length).Select(i => (float)i)];

        Assert.True(new Dispatcher(bundle, lane).RunOpen(image, result));

        Assert.Equal(lane.Logits, result.Logits.ToArray());
        Assert.Equal((bundle.Flops.Dense, bundle.Flops.Dense), (result.Plan.Flops, result.ExecutedFlops));
        Assert.Equal(bundle.Manifest.Blocks.Count + 2, lane.Calls.Count);
        Assert.Equal(("stem", "head"), (lane.Calls[0].Segment, lane.Calls[^1].Segment));
        Assert.Equal(image, lane.Calls[0].Values);
        foreach ((int block, LaneCall call) in lane.Calls[1..^1].Index())
        {
            int channels = bundle.Manifest.Blocks[block].Channels;
            Assert.Equal(("block", block), (call.Segment, call.Index));
            Assert.Equal(Enumerable.Range(0, channels).Select(channel => (long)channel), call.Keep);
            Assert.Equal(Enumerable.Repeat(1f, channels + 1), call.Values);
        }
    }

    [Fact]
    public void RunOpen_NotWantedAnyMore_RunsNoFurtherSegment()
    {
        Bundle bundle = Export(bottleneck: true);
        for (int wanted = 0; wanted <= bundle.Manifest.Blocks.Count; wanted++)
        {
            var lane = new RecordingLane(bundle.Manifest);
            int asked = 0;

            Assert.False(new Dispatcher(bundle, lane).RunOpen(new float[bundle.Manifest.Input.Length], new InferenceResult(bundle.Manifest), () => asked++ < wanted));

            Assert.Equal(wanted, lane.Calls.Count);
        }
    }

    public void Dispose() => _folder.Dispose();

    // What ought to be called, from the saliences alone.
    private static List<LaneCall> Expected(BundleManifest manifest, RecordingLane lane, float[] image, double effort)
    {
        var calls = new List<LaneCall> { new("stem", 0, [], image) };
        for (int span = 0; span < manifest.Spans.Count; span++)
        {
            calls.Add(new LaneCall("gate", span, [], [(float)new PriceCurve(manifest.Prices).PriceFor(effort)]));
            int offset = 0;
            for (int i = 0; i < manifest.Spans[span].Blocks; i++)
            {
                int block = manifest.Spans[span].FirstBlock + i;
                float layer = lane.Gates[span].Layers[i];
                float[] channels = lane.Gates[span].Channels[offset..(offset + manifest.Blocks[block].Channels)];
                offset += channels.Length;
                if (layer > 0 && channels.Any(salience => salience > 0))
                {
                    long[] keep = [.. channels.Index().Where(channel => channel.Item > 0).Select(channel => (long)channel.Index)];
                    calls.Add(new LaneCall("block", block, keep, [.. channels.Where(salience => salience > 0), layer]));
                }
                else if (manifest.Blocks[block].Input != manifest.Blocks[block].Output)
                {
                    calls.Add(new LaneCall("shortcut", block, [], []));
                }
            }
        }

        calls.Add(new LaneCall("head", 0, [], []));
        return calls;
    }

    // The FLOPs of calls, counted over the graphs that they would have run.
    private long Count(Bundle bundle, List<LaneCall> calls)
    {
        BundleManifest manifest = bundle.Manifest;
        long count = 0;
        foreach (LaneCall call in calls)
        {
            string file = call.Segment switch
            {
                "stem" => manifest.Stem.File,
                "gate" => manifest.Spans[call.Index].File,
                "block" => manifest.Blocks[call.Index].File,
                "shortcut" => manifest.Blocks[call.Index].ShortcutFile!,
                _ => manifest.Head.File,
            };
            if (!_counts.TryGetValue((file, call.Keep.Length), out long macs))
            {
                macs = MacCounter.Count(bundle.PathOf(file), call.Keep.Length);
                _counts.Add((file, call.Keep.Length), macs);
            }

            count += macs;
        }

        return 2 * count;
    }

    private static void Script(RecordingLane lane, Bundle bundle, Random random)
    {
        lane.Calls.Clear();
        lane.Gates.Clear();
        double open = random.NextDouble();
        foreach (SpanSpec span in bundle.Manifest.Spans)
        {
            int channels = bundle.Manifest.ChannelsOf(span);
            lane.Gates.Add((TestBundles.Saliences(random, span.Blocks, open), TestBundles.Saliences(random, channels, open)));
        }

        for (int i = 0; i < lane.Logits.Length; i++)
        {
            lane.Logits[i] = random.NextSingle();
        }
    }

    private Bundle Export(bool bottleneck) => bottleneck ? TestBundles.Bottleneck(_folder) : TestBundles.Basic(_folder);
}
