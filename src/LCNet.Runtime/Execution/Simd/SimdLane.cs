using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>One image's way through the SIMD executor. All buffers are made in the constructor. Not thread-safe.</summary>
internal sealed class SimdLane<TSimd, TVector> : ISegmentLane
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private readonly SimdNetwork _network;
    private readonly SimdStem<TSimd, TVector> _stem;
    private readonly SimdBlock<TSimd, TVector>[] _blocks;
    private readonly float[] _features;
    private PlaneBuffer _current;

    /// <summary>Makes a lane.</summary>
    public SimdLane(SimdNetwork network)
    {
        _network = network;
        var planes = new PlaneStore(TSimd.Lanes);
        Convolution[] all = [network.Stem, .. network.Blocks.SelectMany(block => new[] { block.First, block.Middle, block.Last, block.Projection }.OfType<Convolution>())];
        var runner = new ConvolutionRunner<TSimd, TVector>(all.Max(conv => conv.Inputs * conv.Taps), all.Max(conv => conv.Outputs));
        _stem = new SimdStem<TSimd, TVector>(network, planes, runner);
        _blocks = [.. network.Manifest.Blocks.Select((block, i) => new SimdBlock<TSimd, TVector>(block, network.Blocks[i], planes, runner))];
        _features = new float[network.Manifest.Blocks.Max(block => Math.Max(block.Input.Channels, block.Output.Channels)) + 1];
        _current = _stem.Output;
    }

    public void Stem(ReadOnlySpan<float> image) => _current = _stem.Run(image);

    public void Gate(int span, float effort, Span<float> layers, Span<float> channels)
    {
        int count = _network.Manifest.Blocks[_network.Manifest.Spans[span].FirstBlock].Input.Channels;
        Span<float> features = _features.AsSpan(0, count + 1);
        _current.Means<TSimd, TVector>(features[..count]);
        features[count] = effort;
        GateWeights gate = _network.Gates[span];
        gate.Layers.Run(features, layers);
        gate.Channels.Run(features, channels);
        Clamp(layers);
        Clamp(channels);
    }

    public void Block(int block, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale) =>
        _current = _blocks[block].Run(_current, keep, channelScales, layerScale);

    public void Shortcut(int block) => _current = _blocks[block].RunShortcut(_current);

    public void Head(Span<float> logits)
    {
        Span<float> features = _features.AsSpan(0, _network.Manifest.Blocks[^1].Output.Channels);
        _current.Means<TSimd, TVector>(features);
        _network.Head.Run(features, logits);
    }

    public void Dispose()
    {
    }

    private static void Clamp(Span<float> saliences)
    {
        foreach (ref float salience in saliences)
        {
            salience = Math.Clamp(salience, 0, 1);
        }
    }
}
