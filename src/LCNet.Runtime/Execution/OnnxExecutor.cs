using LCNet.Bundles;
using LCNet.Runtime.Batching;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>Runs segments with ONNX Runtime, on CPU or CUDA. The weights of kept channels are gathered inside the block's graph.</summary>
public sealed class OnnxExecutor : ISegmentExecutor
{
    private readonly OnnxSegments _segments;

    // A GPU's one stream: what lanes copy and run follows one another on it.
    private readonly BatchDevice? _device;

    /// <summary>Loads every segment of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="tf32">Whether a GPU may round what it multiplies to TF32.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">ONNX Runtime refuses a segment, or it has other inputs or outputs; the message names the file.</exception>
    public OnnxExecutor(Bundle bundle, ComputeDevice device, bool tf32 = true)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        Manifest = bundle.Manifest;
        DeviceOf = device;
        _device = device.IsCuda ? BatchDevice.Open(device, tf32) : null;
        try
        {
            using SessionOptions options = _device?.CreateOptions() ?? OnnxSessions.Options(device);
            _segments = new OnnxSegments(bundle, options, isBatched: false);
        }
        catch
        {
            _device?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Device => DeviceOf.ToString();

    internal BundleManifest Manifest { get; }

    internal ComputeDevice DeviceOf { get; }

    internal InferenceSession Stem => _segments.Stem;

    internal IReadOnlyList<InferenceSession> Gates => _segments.Gates;

    internal IReadOnlyList<InferenceSession> Blocks => _segments.Blocks;

    internal IReadOnlyList<InferenceSession?> Shortcuts => _segments.Shortcuts;

    internal InferenceSession Head => _segments.Head;

    /// <inheritdoc/>
    public ISegmentLane CreateLane() => new OnnxLane(this);

    /// <summary>Lets the calling thread give work to the device.</summary>
    internal void Enter() => _device?.Enter();

    /// <inheritdoc/>
    public void Dispose()
    {
        _segments.Dispose();
        _device?.Dispose();
    }
}
