using LCNet.Bundles;
using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>A device that computes nothing and allocates nothing: its gates say the same random things in every batch.</summary>
internal sealed class QuietBatchLane(BundleManifest manifest, int maxRows) : IBatchLane
{
    private static readonly Random Random = new(1);

    private readonly float[][] _layers = [.. manifest.Spans.Select(span => TestBundles.Saliences(Random, maxRows * span.Blocks, 0.7))];
    private readonly float[][] _channels = [.. manifest.Spans.Select(span => TestBundles.Saliences(Random, maxRows * manifest.ChannelsOf(span), 0.5))];
    private readonly float[] _logits = new float[maxRows * manifest.Labels.Count];

    public DispatchTape Tape { get; } = new(manifest, maxRows);

    /// <summary>Dispatches of blocks and shortcuts.</summary>
    public int Dispatches { get; private set; }

    public void Image(int row, ReadOnlySpan<float> image)
    {
    }

    public void Load()
    {
    }

    public void Stem(int rows)
    {
    }

    public void Gate(int span, in RowReading reading, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels)
    {
        layers = _layers[span].AsSpan(0, reading.Rows * manifest.Spans[span].Blocks);
        channels = _channels[span].AsSpan(0, _channels[span].Length / maxRows * reading.Rows);
    }

    public void Run(in BlockDispatch dispatch, bool wait) => Dispatches++;

    public void Head(in RowReading reading, out ReadOnlySpan<float> logits) => logits = _logits.AsSpan(0, reading.Rows * manifest.Labels.Count);

    public void Dispose()
    {
    }
}
