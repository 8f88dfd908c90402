using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>
/// Takes one image at a time through its network: at each span the gates decide, the planner turns that into a plan, and only retained
/// blocks and channels are dispatched. Not thread-safe.
/// </summary>
public sealed class Dispatcher
{
    private readonly BundleManifest _manifest;
    private readonly FlopsModel _flops;
    private readonly ISegmentLane _lane;
    private readonly Planner _planner;
    private readonly float[][] _layers;
    private readonly float[][] _channels;
    private long _executed;

    /// <summary>Makes a dispatcher.</summary>
    /// <param name="bundle">The network.</param>
    /// <param name="lane">A lane of an executor for the same bundle; not owned.</param>
    public Dispatcher(Bundle bundle, ISegmentLane lane)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(lane);
        _manifest = bundle.Manifest;
        _flops = bundle.Flops;
        _lane = lane;
        _planner = new Planner(_manifest, _flops);
        _layers = [.. _manifest.Spans.Select(span => new float[span.Blocks])];
        _channels = [.. _manifest.Spans.Select(span => new float[_manifest.Blocks.Skip(span.FirstBlock).Take(span.Blocks).Sum(block => block.Channels)])];
    }

    /// <summary>Runs one image.</summary>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    /// <param name="effort">In (0, 1].</param>
    /// <param name="cap">Most FLOPs, at least <see cref="FlopsModel.Minimum"/>; <see cref="Planner.NoCap"/> for none.</param>
    /// <param name="result">Takes logits, plan and executed FLOPs.</param>
    public void Run(ReadOnlySpan<float> image, double effort, long cap, InferenceResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        _planner.Begin(result.Plan);
        _executed = 0;
        _lane.Stem(image);
        _executed += _manifest.Stem.Flops;
        for (int span = 0; span < _manifest.Spans.Count; span++)
        {
            SpanSpec spec = _manifest.Spans[span];
            _lane.Gate(span, (float)effort, _layers[span], _channels[span]);
            _executed += spec.Flops;
            _planner.Decide(result.Plan, span, _layers[span], _channels[span], cap);
            for (int block = spec.FirstBlock; block < spec.FirstBlock + spec.Blocks; block++)
            {
                RunBlock(result.Plan, block);
            }
        }

        _lane.Head(result.MutableLogits);
        result.ExecutedFlops = _executed + _manifest.Head.Flops;
        result.Effort = effort;
    }

    /// <summary>Runs one image with every gate open, as the static network does; the gates themselves do not run.</summary>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    /// <param name="logits">Takes one value a label.</param>
    public void RunOpen(ReadOnlySpan<float> image, Span<float> logits)
    {
        _lane.Stem(image);
        for (int block = 0; block < _manifest.Blocks.Count; block++)
        {
            int width = _manifest.Blocks[block].Channels;
            long[] all = [.. Enumerable.Range(0, width).Select(channel => (long)channel)];
            float[] ones = new float[width];
            Array.Fill(ones, 1);
            _lane.Block(block, all, ones, 1);
        }

        _lane.Head(logits);
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
