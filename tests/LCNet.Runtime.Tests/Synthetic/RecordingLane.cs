using LCNet.Bundles;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>One call of a lane.</summary>
/// <param name="Segment">What was called.</param>
/// <param name="Index">Span or block; 0 for stem and head.</param>
/// <param name="Keep">A block's kept channels.</param>
/// <param name="Values">A block's channel scales and then that of its layer, a gate's price, or the stem's image.</param>
internal sealed record LaneCall(string Segment, int Index, long[] Keep, float[] Values)
{
    public override string ToString() => $"{Segment} {Index} [{string.Join(' ', Keep)}] ({string.Join(' ', Values)})";
}

/// <summary>A lane that computes nothing: it writes down each call, and its gates say what the test told them to.</summary>
internal sealed class RecordingLane(BundleManifest manifest) : ISegmentLane
{
    /// <summary>Saliences of the layers and of the channels of each span.</summary>
    public List<(float[] Layers, float[] Channels)> Gates { get; } = [];

    public float[] Logits { get; } = new float[manifest.Labels.Count];

    public List<LaneCall> Calls { get; } = [];

    public void Stem(ReadOnlySpan<float> image) => Calls.Add(new LaneCall("stem", 0, [], image.ToArray()));

    public void Gate(int span, float price, Span<float> layers, Span<float> channels)
    {
        Calls.Add(new LaneCall("gate", span, [], [price]));
        Assert.Equal(Gates[span].Layers.Length, layers.Length);
        Assert.Equal(Gates[span].Channels.Length, channels.Length);
        Gates[span].Layers.CopyTo(layers);
        Gates[span].Channels.CopyTo(channels);
    }

    public void Block(int block, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale) =>
        Calls.Add(new LaneCall("block", block, keep.ToArray(), [.. channelScales, layerScale]));

    public void Shortcut(int block) => Calls.Add(new LaneCall("shortcut", block, [], []));

    public void Head(Span<float> logits)
    {
        Calls.Add(new LaneCall("head", 0, [], []));
        Logits.CopyTo(logits);
    }

    public void Dispose()
    {
    }
}
