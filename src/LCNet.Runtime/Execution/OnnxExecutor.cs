using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>Runs segments with ONNX Runtime, on CPU or CUDA. The weights of kept channels are gathered inside the block's graph.</summary>
public sealed class OnnxExecutor : ISegmentExecutor
{
    private readonly OnnxSegments _segments;

    /// <summary>Loads every segment of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">ONNX Runtime refuses a segment, or it has other inputs or outputs; the message names the file.</exception>
    public OnnxExecutor(Bundle bundle, ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        Manifest = bundle.Manifest;
        DeviceOf = device;
        using SessionOptions options = OnnxSessions.Options(device);
        _segments = new OnnxSegments(bundle, options, isBatched: false);
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

    /// <inheritdoc/>
    public void Dispose() => _segments.Dispose();
}
