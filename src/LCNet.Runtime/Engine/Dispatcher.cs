using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Engine;

/// <summary>
/// Takes one image at a time through its network: at each span the gates decide, the planner turns that into a plan, and only retained
/// blocks and channels are dispatched. Not thread-safe.
/// </summary>
public sealed class Dispatcher
{
    private readonly BundleManifest _manifest;
    private readonly FlopsModel _flops;
    private readonly PriceCurve _prices;
    private readonly ISegmentLane _lane;
    private readonly Planner _planner;
    private readonly float[][] _layers;
    private readonly float[][] _channels;
    private long _executed;

    /// <summary>Makes a dispatcher.</summary>
    /// <param name="lane">A lane of an executor for the same bundle; not owned.</param>
    public Dispatcher(Bundle bundle, ISegmentLane lane)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(lane);
        _manifest = bundle.Manifest;
        _flops = bundle.Flops;
        _prices = new PriceCurve(_manifest.Prices);
        _lane = lane;
        _planner = new Planner(_manifest, _flops);
        _layers = [.. _manifest.Spans.Select(span => new float[span.Blocks])];
        _channels = [.. _manifest.Spans.Select(span => new float[_manifest.ChannelsOf(span)])];
    }

    /// <summary>Runs one image.</summary>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    /// <param name="effort">In (0, 1].</param>
    /// <param name="cap">Most FLOPs, at least <see cref="FlopsModel.Minimum"/>; <see cref="Planner.NoCap"/> for none.</param>
    /// <param name="result">Takes logits, plan and executed FLOPs.</param>
    /// <exception cref="ArgumentException">The image has another length.</exception>
    public void Run(ReadOnlySpan<float> image, double effort, long cap, InferenceResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        CheckLength(image);
        float price = (float)_prices.PriceFor(effort);
        _planner.Begin(result.Plan);
        _executed = 0;
        RunStem(image);
        for (int span = 0; span < _manifest.Spans.Count; span++)
        {
            Decide(result.Plan, span, price, cap);
            RunBlocks(result.Plan, _manifest.Spans[span]);
        }

        RunHead(result.MutableLogits);
        result.ExecutedFlops = _executed;
        result.Effort = effort;
        result.BatchSize = 1;
    }

    /// <summary>Runs one image with every gate open, as the static network does; the gates themselves do not run.</summary>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    /// <param name="result">Takes logits, the plan of the whole network and executed FLOPs; its effort is 1.</param>
    /// <param name="isWanted">Asked before each segment, on the calling thread, which it may keep waiting; once it says no nothing more runs. Null: always.</param>
    /// <returns>Whether it ran to its end; else the result means nothing.</returns>
    /// <exception cref="ArgumentException">The image has another length.</exception>
    public bool RunOpen(ReadOnlySpan<float> image, InferenceResult result, Func<bool>? isWanted = null)
    {
        ArgumentNullException.ThrowIfNull(result);
        CheckLength(image);
        _planner.Open(result.Plan);
        _executed = 0;
        if (isWanted?.Invoke() == false)
        {
            return false;
        }

        RunStem(image);
        for (int block = 0; block < _manifest.Blocks.Count; block++)
        {
            if (isWanted?.Invoke() == false)
            {
                return false;
            }

            RunBlock(result.Plan, block);
        }

        RunHead(result.MutableLogits);
        result.ExecutedFlops = _executed;
        result.Effort = 1;
        result.BatchSize = 1;
        return true;
    }

    /// <summary>Runs every segment, blocks with all channels, without their first and with nothing but their last: a graph that gathers wrongly cannot run all three.</summary>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    internal static void WarmUp(Bundle bundle, ISegmentLane lane)
    {
        BundleManifest manifest = bundle.Manifest;
        void Try(string file, Action run) => SegmentTrial.Run(bundle, file, run);

        float[] image = new float[manifest.Input.Length];
        foreach (Func<int, int> firstKept in new Func<int, int>[] { _ => 0, channels => Math.Min(1, channels - 1), channels => channels - 1 })
        {
            Try(manifest.Stem.File, () => lane.Stem(image));
            foreach ((int i, SpanSpec span) in manifest.Spans.Index())
            {
                Try(span.File, () => lane.Gate(i, 0, new float[span.Blocks], new float[manifest.ChannelsOf(span)]));
                foreach (int block in Enumerable.Range(span.FirstBlock, span.Blocks))
                {
                    int channels = manifest.Blocks[block].Channels;
                    Try(manifest.Blocks[block].File, () => RunFrom(lane, block, firstKept(channels), channels));
                }
            }

            Try(manifest.Head.File, () => lane.Head(new float[manifest.Labels.Count]));
        }

        // Once more with every block skipped.
        lane.Stem(image);
        foreach ((int block, BlockSpec spec) in manifest.Blocks.Index().Where(block => block.Item.ShortcutFile is not null))
        {
            Try(spec.ShortcutFile!, () => lane.Shortcut(block));
        }
    }

    private static void RunFrom(ISegmentLane lane, int block, int firstKept, int channels)
    {
        long[] keep = [.. Enumerable.Range(firstKept, channels - firstKept).Select(channel => (long)channel)];
        float[] ones = new float[keep.Length];
        Array.Fill(ones, 1);
        lane.Block(block, keep, ones, 1);
    }

    private void CheckLength(ReadOnlySpan<float> image)
    {
        if (image.Length != _manifest.Input.Length)
        {
            throw new ArgumentException($"{image.Length} values; the network takes {_manifest.Input.Length}.", nameof(image));
        }
    }

    private void RunStem(ReadOnlySpan<float> image)
    {
        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Stem);
        _lane.Stem(image);
        _executed += _manifest.Stem.Flops;
        activity?.SetTag(ImageActivities.Flops, _manifest.Stem.Flops);
    }

    private void Decide(ImagePlan plan, int span, float price, long cap)
    {
        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Gate);
        _lane.Gate(span, price, _layers[span], _channels[span]);
        _executed += _manifest.Spans[span].Flops;
        _planner.Decide(plan, span, _layers[span], _channels[span], cap);
        activity?.SetTag("lcnet.span", span).SetTag(ImageActivities.Flops, _manifest.Spans[span].Flops);
    }

    private void RunBlocks(ImagePlan plan, SpanSpec span)
    {
        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Blocks);
        long before = _executed;
        int run = 0;
        int channels = 0;
        for (int block = span.FirstBlock; block < span.FirstBlock + span.Blocks; block++)
        {
            RunBlock(plan, block);
            run += plan.Runs(block) ? 1 : 0;
            channels += plan.KeptCount(block);
        }

        activity?
            .SetTag("lcnet.block.first", span.FirstBlock)
            .SetTag("lcnet.block.count", span.Blocks)
            .SetTag("lcnet.block.executions", run)
            .SetTag("lcnet.block.channels", channels)
            .SetTag(ImageActivities.Flops, _executed - before);
    }

    private void RunHead(Span<float> logits)
    {
        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Head);
        _lane.Head(logits);
        _executed += _manifest.Head.Flops;
        activity?.SetTag(ImageActivities.Flops, _manifest.Head.Flops);
    }

    private void RunBlock(ImagePlan plan, int block)
    {
        if (plan.Runs(block))
        {
            ReadOnlySpan<long> keep = plan.Kept(block);
            _lane.Block(block, keep, plan.ChannelScales(block), plan.LayerScale(block));
            _executed += _flops.Block(block, keep.Length);
        }
        else if (_manifest.Blocks[block].ShortcutFile is not null)
        {
            _lane.Shortcut(block);
            _executed += _flops.Block(block, 0);
        }

        // A skipped identity block costs nothing: its input is the output of a ReLU, which relu(x) leaves as it is.
    }
}
