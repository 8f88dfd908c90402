using LCNet.Bundles;
using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>One residual block in a lane: its convolutions with the buffers between them. Not thread-safe.</summary>
internal sealed class SimdBlock<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private readonly bool _isStrided;
    private readonly bool _stridesFirst;
    private readonly PlaneBuffer _even;
    private readonly PlaneBuffer _odd;
    private readonly PlaneBuffer _innerMap;
    private readonly PlaneBuffer? _phases;
    private readonly PlaneBuffer? _middleMap;
    private readonly PlaneBuffer? _subsampled;
    private readonly PlaneBuffer? _projected;
    private readonly ConvolutionLayer<TSimd, TVector> _first;
    private readonly ConvolutionLayer<TSimd, TVector>? _middle;
    private readonly ConvolutionLayer<TSimd, TVector> _last;
    private readonly ConvolutionLayer<TSimd, TVector>? _projection;
    private readonly ConvolutionLayer<TSimd, TVector>? _shortcut;

    /// <summary>Makes the block.</summary>
    public SimdBlock(BlockSpec spec, BlockWeights weights, PlaneStore planes, ConvolutionRunner<TSimd, TVector> runner)
    {
        (MapShape input, MapShape output) = (spec.Input, spec.Output);
        bool isBottleneck = weights.Middle is not null;
        _stridesFirst = isBottleneck && weights.First.Stride == 2;
        _isStrided = _stridesFirst || (weights.Middle ?? weights.First).Stride == 2;
        PlaneLayout outputLayout = planes.Layout(output.Height, output.Width);
        PlaneLayout firstLayout = isBottleneck && !_stridesFirst ? planes.Layout(input.Height, input.Width) : outputLayout;
        PlaneBuffer Map(string use, int channels) => planes.Buffer(use, channels, output.Height, output.Width);
        ConvolutionLayer<TSimd, TVector>? Layer(Convolution? convolution, PlaneLayout layout, int phases = 4) =>
            convolution is null ? null : new ConvolutionLayer<TSimd, TVector>(convolution, layout, planes, runner, phases);

        // A block reads one of the two and writes the other; where the shapes differ, either will do.
        _even = Map("even", output.Channels);
        _odd = Map("odd", output.Channels);
        _innerMap = planes.Buffer("inner", spec.Channels, firstLayout.Height, firstLayout.Width);
        _middleMap = isBottleneck ? Map("middle", spec.Channels) : null;
        _phases = _isStrided && !_stridesFirst ? Map("phases", 4 * (isBottleneck ? spec.Channels : input.Channels)) : null;
        _subsampled = _isStrided && weights.Projection is not null ? Map("subsampled", input.Channels) : null;
        _projected = weights.Projection is null ? null : Map("projected", output.Channels);
        _first = Layer(weights.First, firstLayout, _stridesFirst ? 1 : 4)!;
        _middle = Layer(weights.Middle, outputLayout);
        _last = Layer(weights.Last, outputLayout)!;

        // A basic block's projection finds every second pixel among the phases that its first convolution reads.
        _projection = Layer(weights.Projection, outputLayout, isBottleneck ? 1 : 4);
        _shortcut = Layer(weights.Shortcut, outputLayout, 1);
    }

    /// <summary>Runs the block with its kept channels.</summary>
    /// <returns>Where the output is: another buffer, or <paramref name="input"/> itself.</returns>
    public PlaneBuffer Run(PlaneBuffer input, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale)
    {
        // relu(x) · s = relu(s · x), as scales of kept channels are above 0.
        PlaneBuffer read = _middle is null ? Phases(input, input.Planes) : _stridesFirst ? Subsampled(input) : input;
        PlaneBuffer inner = _innerMap;
        _first.Run(new ConvolutionCall { Input = read, Output = inner, KeptOutputs = keep, Scales = channelScales, HasRelu = true });
        if (_middle is not null)
        {
            _middle.Run(new ConvolutionCall
            {
                Input = _stridesFirst ? inner : Phases(inner, keep.Length),
                Output = _middleMap!,
                KeptInputs = keep,
                KeptOutputs = keep,
                Scales = channelScales,
                HasRelu = true,
            });
            inner = _middleMap!;
        }

        PlaneBuffer residual = input;
        if (_projection is not null)
        {
            residual = _projected!;
            _projection.Run(new ConvolutionCall { Input = _middle is null || _stridesFirst ? read : Subsampled(input), Output = residual });
        }

        // In place where that may be: half the memory to go through.
        PlaneBuffer output = _projection is null && _last.CanRunInPlace ? input : Other(input);
        _last.Run(new ConvolutionCall { Input = inner, Output = output, KeptInputs = keep, Scale = layerScale, Residual = residual, HasRelu = true });
        return output;
    }

    /// <summary>Runs only the projection.</summary>
    /// <returns>Where the output is.</returns>
    public PlaneBuffer RunShortcut(PlaneBuffer input)
    {
        PlaneBuffer output = Other(input);
        _shortcut!.Run(new ConvolutionCall { Input = Subsampled(input), Output = output, HasRelu = true });
        return output;
    }

    private PlaneBuffer Other(PlaneBuffer input) => ReferenceEquals(input, _even) ? _odd : _even;

    private PlaneBuffer Phases(PlaneBuffer input, int planes) => Split(input, _phases, planes);

    private PlaneBuffer Subsampled(PlaneBuffer input) => Split(input, _subsampled, input.Planes);

    private PlaneBuffer Split(PlaneBuffer input, PlaneBuffer? phases, int planes)
    {
        if (!_isStrided)
        {
            return input;
        }

        input.Split(phases!, planes);
        return phases!;
    }
}
