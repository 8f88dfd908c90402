using System.Runtime.Intrinsics;
using LCNet.Bundles;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>
/// Runs segments on the CPU with direct convolutions that read only kept input channels and compute only kept output channels, so that what a plan skips
/// takes no time. The weights are those of the bundle's ONNX files.
/// </summary>
public sealed class SimdExecutor : ISegmentExecutor
{
    private readonly SimdNetwork _network;
    private readonly int _lanes;

    /// <summary>Reads the weights of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <exception cref="BundleException">A segment's graph is not one that this executor knows; the message names the file.</exception>
    public SimdExecutor(Bundle bundle)
        : this(bundle, Vector512.IsHardwareAccelerated ? Simd512.Lanes : Vector256.IsHardwareAccelerated ? Simd256.Lanes : Simd128.Lanes)
    {
    }

    /// <summary>Reads the weights of a bundle, to compute with vectors of a chosen width.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="lanes">Floats in a vector: 4, 8 or 16; slow where the machine has no such vectors.</param>
    internal SimdExecutor(Bundle bundle, int lanes)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        _network = new SimdNetwork(bundle);
        _lanes = lanes;
    }

    /// <inheritdoc/>
    public string Device => "cpu";

    /// <inheritdoc/>
    public ISegmentLane CreateLane() => _lanes switch
    {
        16 => new SimdLane<Simd512, Vector512<float>>(_network),
        8 => new SimdLane<Simd256, Vector256<float>>(_network),
        4 => new SimdLane<Simd128, Vector128<float>>(_network),
        _ => throw new InvalidOperationException($"There are no vectors of {_lanes} floats."),
    };

    /// <summary>Nothing: lanes and weights are the garbage collector's.</summary>
    public void Dispose()
    {
    }
}
