using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Takes a batch of images through their network: at each span the gates decide for all of them at once, the planner makes each image's plan, and the images that run a
/// block are regrouped into dispatches. Gates and head are the only things that are waited for. Not thread-safe.
/// </summary>
internal sealed class BatchDispatcher
{
    private readonly BundleManifest _manifest;
    private readonly IBatchLane _lane;
    private readonly Planner _planner;
    private readonly PriceCurve _prices;
    private readonly BatchScheduler _scheduler;
    private readonly BatchTrace _trace;
    private readonly int _maxImages;

    /// <summary>Makes a dispatcher.</summary>
    /// <param name="lane">For the same bundle; not owned.</param>
    /// <param name="rows">What numbers of rows are padded to.</param>
    public BatchDispatcher(Bundle bundle, IBatchLane lane, FixedSizes rows, int maxImages)
    {
        _manifest = bundle.Manifest;
        _lane = lane;
        _planner = new Planner(_manifest, bundle.Flops);
        _prices = new PriceCurve(_manifest.Prices);
        _scheduler = new BatchScheduler(bundle, rows, maxImages, lane.Tape);
        _trace = new BatchTrace(maxImages);
        _maxImages = maxImages;
    }

    /// <summary>Runs a batch.</summary>
    /// <param name="images">1 to as many as the dispatcher was made for, each with the network's input length and a cap of at least <see cref="FlopsModel.Minimum"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are too few or too many images.</exception>
    public void Run(ReadOnlySpan<BatchImage> images)
    {
        ArgumentOutOfRangeException.ThrowIfZero(images.Length, nameof(images));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(images.Length, _maxImages, nameof(images));
        _trace.Clear();
        try
        {
            RowSource source = Begin(images, out int pricesAt);
            for (int span = 0; span < _manifest.Spans.Count; span++)
            {
                Decide(images, span, source, pricesAt);
                source = RunBlocks(images, span, out pricesAt);
            }

            End(images, source);
        }
        finally
        {
            // Where something threw, spans are still open.
            _trace.End();
        }
    }

    private RowSource Begin(ReadOnlySpan<BatchImage> images, out int pricesAt)
    {
        _trace.Begin(ImageActivities.Stem, images);
        _scheduler.Begin();
        for (int i = 0; i < images.Length; i++)
        {
            ImagePlan plan = images[i].Result.Plan;
            if (images[i].IsOpen)
            {
                _planner.Open(plan);
            }
            else
            {
                _planner.Begin(plan);
            }

            _scheduler.Add(plan, (float)_prices.PriceFor(images[i].Effort), images[i].Cap);
        }

        _lane.Tape.Clear();
        int rows = _scheduler.Stem();
        _trace.Tell(_scheduler.Bill);
        RowSource source = _scheduler.Gates(0, out pricesAt);
        _lane.Load();
        _lane.LoadImages(images);
        _lane.Stem(rows);
        _trace.End();
        return source;
    }

    private void Decide(ReadOnlySpan<BatchImage> images, int span, in RowSource source, int pricesAt)
    {
        _trace.Begin(ImageActivities.Gate, images);
        _trace.Tell(_scheduler.Bill);
        _lane.Gate(span, source, pricesAt, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels);
        int blocks = _manifest.Spans[span].Blocks;
        int width = channels.Length / source.Rows;
        for (int i = 0; i < images.Length; i++)
        {
            if (!images[i].IsOpen)
            {
                _planner.Decide(images[i].Result.Plan, span, layers.Slice(i * blocks, blocks), channels.Slice(i * width, width), images[i].Cap);
            }
        }

        foreach (Activity? activity in _trace.Activities)
        {
            activity?.SetTag("lcnet.span", span);
        }

        _trace.End();
    }

    // What the next gates or the head read is on the same tape as the blocks: it goes to the device while that has nothing to do.
    private RowSource RunBlocks(ReadOnlySpan<BatchImage> images, int span, out int pricesAt)
    {
        _trace.Begin(ImageActivities.Blocks, images);
        _lane.Tape.Clear();
        ReadOnlySpan<BlockDispatch> dispatches = _scheduler.Schedule(span);
        _trace.Tell(_scheduler.Bill);
        Describe(images, span);
        pricesAt = 0;
        RowSource source = span == _manifest.Spans.Count - 1 ? _scheduler.Head() : _scheduler.Gates(span + 1, out pricesAt);
        _lane.Load();
        foreach (ref readonly BlockDispatch dispatch in dispatches)
        {
            _lane.Run(dispatch);
        }

        _trace.End();
        return source;
    }

    private void End(ReadOnlySpan<BatchImage> images, in RowSource source)
    {
        _trace.Begin(ImageActivities.Head, images);
        _trace.Tell(_scheduler.Bill);
        _lane.Head(source, out ReadOnlySpan<float> logits);
        _trace.End();
        int labels = _manifest.Labels.Count;
        for (int i = 0; i < images.Length; i++)
        {
            InferenceResult result = images[i].Result;
            logits.Slice(i * labels, labels).CopyTo(result.MutableLogits);
            result.ExecutedFlops = _scheduler.Bill.Executed(i);
            result.Effort = images[i].Effort;
            result.BatchSize = images.Length;
        }
    }

    private void Describe(ReadOnlySpan<BatchImage> images, int span)
    {
        SpanSpec spec = _manifest.Spans[span];
        for (int i = 0; i < _trace.Activities.Length; i++)
        {
            ImagePlan plan = images[i].Result.Plan;
            int run = 0;
            int channels = 0;
            for (int block = spec.FirstBlock; block < spec.FirstBlock + spec.Blocks; block++)
            {
                run += plan.Runs(block) ? 1 : 0;
                channels += plan.KeptCount(block);
            }

            _trace.Activities[i]?
                .SetTag("lcnet.block.first", spec.FirstBlock)
                .SetTag("lcnet.block.count", spec.Blocks)
                .SetTag("lcnet.block.executions", run)
                .SetTag("lcnet.block.channels", channels);
        }
    }
}
