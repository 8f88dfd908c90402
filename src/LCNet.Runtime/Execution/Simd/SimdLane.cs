using System.Numerics.Tensors;
using LCNet.Bundles;
using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>One image's way through the SIMD executor. All buffers are made in the constructor. Not thread-safe.</summary>
internal sealed class SimdLane<TSimd, TVector> : ISegmentLane
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private readonly SimdNetwork _network;
    private readonly SimdStem<TSimd, TVector> _stem;
    private readonly SimdBlock<TSimd, TVector>[] _blocks;
    private readonly float[] _features;
    private readonly float[] _hidden;
    private PlaneBuffer _current;
    private bool _hasMeans;

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
        _hidden = new float[network.Gates.Max(gate => Math.Max(gate.Layers.HiddenUnits, gate.Channels.HiddenUnits))];
        _current = _stem.Output;
    }

    public void Stem(ReadOnlySpan<float> image) => Set(_stem.Run(image));

    public void Gate(int span, float price, Span<float> layers, Span<float> channels)
    {
        int count = _network.Manifest.Blocks[_network.Manifest.Spans[span].FirstBlock].Input.Channels;
        Means(count);
        Span<float> features = _features.AsSpan(0, count + 1);
        features[count] = price;
        GateWeights gate = _network.Gates[span];
        Run(gate.Layers, features, layers);
        Run(gate.Channels, features, channels);
    }

    public void Block(int block, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale) =>
        Set(_blocks[block].Run(_current, keep, channelScales, layerScale));

    public void Shortcut(int block) => Set(_blocks[block].RunShortcut(_current));

    public void Head(Span<float> logits)
    {
        int count = _network.Manifest.Blocks[^1].Output.Channels;
        Means(count);
        _network.Head.Run(_features.AsSpan(0, count), logits);
    }

    public void Dispose()
    {
    }

    private void Set(PlaneBuffer activation)
    {
        _current = activation;
        _hasMeans = false;
    }

    // Behind a block that was skipped they are what they were.
    private void Means(int count)
    {
        if (!_hasMeans)
        {
            _current.Means<TSimd, TVector>(_features.AsSpan(0, count));
            _hasMeans = true;
        }
    }

    private void Run(GateLayers gate, ReadOnlySpan<float> features, Span<float> saliences)
    {
        if (gate.Hidden is not null)
        {
            Span<float> hidden = _hidden.AsSpan(0, gate.HiddenUnits);
            gate.Hidden.Run(features, hidden);
            TensorPrimitives.Max(hidden, 0f, hidden);
            features = hidden;
        }

        gate.Output.Run(features, saliences);
        foreach (ref float salience in saliences)
        {
            salience = Math.Clamp(salience, 0, 1);
        }
    }
}
