using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>One residual block in a lane: its convolutions with the buffers between them. Not thread-safe.</summary>
internal sealed class SimdBlock<TVector>
    where TVector : struct, ISimd<TVector>
{
    private readonly ConvolutionRunner<TVector> _runner;
    private readonly BlockWeights _weights;
    private readonly bool _isStrided;
    private readonly PlaneBuffer _even;
    private readonly PlaneBuffer _odd;
    private readonly PlaneBuffer _inner;
    private readonly PlaneBuffer? _phases;
    private readonly PlaneBuffer? _middle;
    private readonly PlaneBuffer? _subsampled;
    private readonly PlaneBuffer? _projected;
    private readonly Term[] _first;
    private readonly Term[] _middleTerms;
    private readonly Term[] _last;
    private readonly Term[] _projection;

    /// <summary>Makes the block.</summary>
    public SimdBlock(BlockSpec spec, BlockWeights weights, PlaneStore planes, ConvolutionRunner<TVector> runner)
    {
        _runner = runner;
        _weights = weights;
        (MapShape input, MapShape output) = (spec.Input, spec.Output);
        _isStrided = (weights.Middle ?? weights.First).Stride == 2;
        PlaneLayout outputLayout = planes.Layout(output.Height, output.Width);
        PlaneLayout inputLayout = planes.Layout(input.Height, input.Width);
        PlaneBuffer Map(string use, int channels) => planes.Buffer(use, channels, output.Height, output.Width);

        // A block reads one of the two and writes the other; where the shapes differ, either will do.
        _even = Map("even", output.Channels);
        _odd = Map("odd", output.Channels);
        bool isBottleneck = weights.Middle is not null;
        _inner = isBottleneck ? planes.Buffer("inner", spec.Channels, input.Height, input.Width) : Map("inner", spec.Channels);
        _middle = isBottleneck ? Map("middle", spec.Channels) : null;
        _phases = _isStrided ? Map("phases", 4 * (isBottleneck ? spec.Channels : input.Channels)) : null;
        _subsampled = _isStrided && weights.Projection is not null ? Map("subsampled", input.Channels) : null;
        _projected = weights.Projection is null ? null : Map("projected", output.Channels);
        _first = weights.First.Terms(isBottleneck ? inputLayout : outputLayout);
        _middleTerms = weights.Middle?.Terms(outputLayout) ?? [];
        _last = weights.Last.Terms(outputLayout);
        _projection = weights.Projection?.Terms(outputLayout) ?? [];
    }

    /// <summary>Runs the block with its kept channels.</summary>
    /// <returns>Where the output is; never <paramref name="input"/>.</returns>
    public PlaneBuffer Run(PlaneBuffer input, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale)
    {
        PlaneBuffer inner = _weights.Middle is null
            ? RunInner(_weights.First, _first, Phases(input, input.Planes), _inner, default, keep, channelScales)
            : RunInner(_weights.First, _first, input, _inner, default, keep, channelScales);
        if (_weights.Middle is not null)
        {
            inner = RunInner(_weights.Middle, _middleTerms, Phases(inner, keep.Length), _middle!, keep, keep, channelScales);
        }

        PlaneBuffer output = Other(input);
        _runner.Run(new ConvolutionCall
        {
            Convolution = _weights.Last,
            Terms = _last,
            Input = inner,
            Output = output,
            KeptInputs = keep,
            Scale = layerScale,
            Residual = _weights.Projection is null ? input : Project(_weights.Projection, input, _projected!, hasRelu: false),
            HasRelu = true,
        });
        return output;
    }

    /// <summary>Runs only the projection.</summary>
    /// <returns>Where the output is.</returns>
    public PlaneBuffer RunShortcut(PlaneBuffer input) => Project(_weights.Shortcut!, input, Other(input), hasRelu: true);

    private PlaneBuffer Other(PlaneBuffer input) => ReferenceEquals(input, _even) ? _odd : _even;

    private PlaneBuffer Phases(PlaneBuffer input, int planes)
    {
        if (!_isStrided)
        {
            return input;
        }

        input.Split(_phases!, planes);
        return _phases!;
    }

    private PlaneBuffer RunInner(
        Convolution convolution,
        Term[] terms,
        PlaneBuffer input,
        PlaneBuffer output,
        ReadOnlySpan<long> keptInputs,
        ReadOnlySpan<long> keptOutputs,
        ReadOnlySpan<float> channelScales)
    {
        // relu(x) · s = relu(s · x), as scales of kept channels are above 0.
        _runner.Run(new ConvolutionCall
        {
            Convolution = convolution,
            Terms = terms,
            Input = input,
            Output = output,
            KeptInputs = keptInputs,
            KeptOutputs = keptOutputs,
            Scales = channelScales,
            HasRelu = true,
        });
        return output;
    }

    private PlaneBuffer Project(Convolution projection, PlaneBuffer input, PlaneBuffer output, bool hasRelu)
    {
        if (_isStrided)
        {
            input.Split(_subsampled!, input.Planes);
            input = _subsampled!;
        }

        _runner.Run(new ConvolutionCall
        {
            Convolution = projection,
            Terms = _projection,
            Input = input,
            Output = output,
            HasRelu = hasRelu,
        });
        return output;
    }
}
