using LCNet.Bundles;
using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>A device that computes nothing and allocates nothing: its gates say the same random things in every batch.</summary>
internal sealed class QuietBatchLane(BundleManifest manifest, FixedSizes rows) : IBatchLane
{
    private static readonly Random Random = new(1);

    private readonly CpuBatchDevice _device = new();
    private readonly float[][] _layers = [.. manifest.Spans.Select(span => TestBundles.Saliences(Random, rows.Most * span.Blocks, 0.7))];
    private readonly float[][] _channels = [.. manifest.Spans.Select(span => TestBundles.Saliences(Random, rows.Most * manifest.ChannelsOf(span), 0.5))];
    private readonly float[] _logits = new float[rows.Most * manifest.Labels.Count];
    private DispatchTape? _tape;

    public DispatchTape Tape => _tape ??= new DispatchTape(manifest, rows, _device);

    /// <summary>Dispatches of blocks and shortcuts.</summary>
    public int Dispatches { get; private set; }

    public void LoadImages(ReadOnlySpan<BatchImage> images)
    {
    }

    public void Load()
    {
    }

    public void Stem(int rows)
    {
    }

    public void Gate(int span, in RowSource source, int pricesAt, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels)
    {
        layers = _layers[span].AsSpan(0, source.Rows * manifest.Spans[span].Blocks);
        channels = _channels[span].AsSpan(0, _channels[span].Length / rows.Most * source.Rows);
    }

    public void Run(in BlockDispatch dispatch) => Dispatches++;

    public void Head(in RowSource source, out ReadOnlySpan<float> logits) => logits = _logits.AsSpan(0, source.Rows * manifest.Labels.Count);

    public void Wait()
    {
    }

    public void Dispose() => _device.Dispose();
}
