using LCNet.Bundles;
using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>The stem in a lane: a 3×3 convolution, or a 7×7 one of stride 2 with a 3×3 maximum of stride 2 behind it. Not thread-safe.</summary>
internal sealed class SimdStem<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int WideHalo = 2;
    private const int PoolingHalo = 1;
    private readonly ConvolutionLayer<TSimd, TVector> _convolution;
    private readonly PlaneBuffer _image;
    private readonly PlaneBuffer? _phases;
    private readonly PlaneBuffer _convolved;
    private readonly PlaneBuffer? _convolvedPhases;
    private readonly PlaneBuffer _pooled;

    /// <summary>Makes the stem.</summary>
    public SimdStem(SimdNetwork network, PlaneStore planes, ConvolutionRunner<TSimd, TVector> runner)
    {
        InputSpec input = network.Manifest.Input;
        MapShape output = network.Manifest.Stem.Output;
        _image = planes.Buffer("image", 3, input.Height, input.Width);
        Output = planes.Buffer("even", output.Channels, output.Height, output.Width);
        _convolved = Output;
        _pooled = Output;
        if (network.HasPoolingStem)
        {
            // Seven taps at stride 2 reach two pixels beyond the edge of a phase; rows of input and output lie alike.
            (int height, int width) = ((input.Height + 1) / 2, (input.Width + 1) / 2);
            _phases = planes.Buffer("image phases", 12, height, width, WideHalo);
            _convolved = planes.Buffer("convolved", output.Channels, height, width, WideHalo);
            _convolvedPhases = planes.Buffer("convolved phases", 4, output.Height, output.Width, PoolingHalo);
            _pooled = Output.Layout.IsFlat ? planes.Buffer("pooled", output.Channels, output.Height, output.Width, PoolingHalo) : Output;
        }

        _convolution = new ConvolutionLayer<TSimd, TVector>(network.Stem, (_phases ?? _image).Layout, planes, runner);
    }

    /// <summary>The planes that the stem writes.</summary>
    public PlaneBuffer Output { get; }

    /// <summary>Runs the stem.</summary>
    /// <param name="image">3 × height × width values.</param>
    /// <returns><see cref="Output"/>.</returns>
    public PlaneBuffer Run(ReadOnlySpan<float> image)
    {
        _image.CopyFrom(image);
        PlaneBuffer input = _image;
        if (_phases is not null)
        {
            _image.Split(_phases, 3);
            input = _phases;
        }

        _convolution.Run(new ConvolutionCall { Input = input, Output = _convolved, HasRelu = true });
        if (_convolvedPhases is not null)
        {
            // Plane by plane: all phases at once would be more than a cache holds.
            for (int plane = 0; plane < _convolved.Planes; plane++)
            {
                _convolved.SplitPlane(plane, _convolvedPhases, 0, isWhole: true);
                MaxPool<TSimd, TVector>.Run(_convolvedPhases, _pooled, plane);
            }

            Output.CopyFrom(_pooled);
        }

        return Output;
    }
}
