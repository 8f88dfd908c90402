namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>A convolution in a lane, computed in the way that is fastest for its shape. Not thread-safe.</summary>
/// <typeparam name="TSimd">How to compute with vectors.</typeparam>
/// <typeparam name="TVector">The vectors.</typeparam>
internal sealed class ConvolutionLayer<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private readonly Convolution _convolution;
    private readonly ConvolutionRunner<TSimd, TVector> _runner;
    private readonly WinogradRunner<TSimd, TVector>? _winograd;
    private readonly FlatWinogradRunner? _flatWinograd;
    private readonly Term[] _terms;

    /// <summary>Makes the layer.</summary>
    /// <param name="layout">Of the input, or of its phases; the output has the same.</param>
    /// <param name="phases">Planes that the input has for each of its channels, see <see cref="Convolution.Terms"/>.</param>
    public ConvolutionLayer(Convolution convolution, PlaneLayout layout, PlaneStore planes, ConvolutionRunner<TSimd, TVector> runner, int phases = 4)
    {
        _convolution = convolution;
        _runner = runner;
        _terms = convolution.Terms(layout, phases);
        _winograd = WinogradRunner<TSimd, TVector>.Serves(convolution, layout) ? new WinogradRunner<TSimd, TVector>(convolution, layout, planes, runner) : null;
        _flatWinograd = FlatWinogradRunner.Serves(convolution, layout, TSimd.Lanes) ? new FlatWinogradRunner(convolution) : null;
        CanRunInPlace = _flatWinograd is not null || (_winograd?.CanRunInPlace ?? ConvolutionRunner<TSimd, TVector>.CanRunInPlace(convolution, layout));
    }

    /// <summary>
    /// Whether the output may be the residual: each of its pixels is then written once only, right after its residual was read.
    /// </summary>
    public bool CanRunInPlace { get; }

    /// <summary>Runs the convolution: output = max(floor, scale · (bias + Σ weight · pixel) + residual).</summary>
    public void Run(in ConvolutionCall call)
    {
        if (_winograd is not null)
        {
            _winograd.Run(call);
        }
        else if (_flatWinograd is not null)
        {
            _flatWinograd.Run(call);
        }
        else
        {
            _runner.Run(_convolution, _terms, call);
        }
    }
}
