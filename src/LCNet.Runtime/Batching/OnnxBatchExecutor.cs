using LCNet.Bundles;
using LCNet.Runtime.Execution;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Runs segments on rows of device buffers with ONNX Runtime, on CUDA or, by the same way, on the CPU. Each graph gathers its rows itself; the weights of kept channels are
/// gathered inside the block's graph.
/// </summary>
internal sealed class OnnxBatchExecutor : IDisposable
{
    private readonly OnnxSegments _segments;

    /// <summary>Loads every segment of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">ONNX Runtime refuses a segment, or it has other inputs or outputs; the message names the file.</exception>
    public OnnxBatchExecutor(Bundle bundle, ComputeDevice device)
    {
        Bundle = bundle;
        Device = device;
        using SessionOptions options = OnnxSessions.Options(device, inOrder: true);
        _segments = new OnnxSegments(bundle, options, byRows: true);
    }

    /// <summary>The network.</summary>
    public Bundle Bundle { get; }

    /// <summary>The device that it runs on.</summary>
    public ComputeDevice Device { get; }

    /// <summary>The sessions; all but the stem take rows.</summary>
    public OnnxSegments Segments => _segments;

    /// <summary>Makes a lane with buffers of its own. Dispose it before the executor.</summary>
    /// <param name="maxRows">Most rows of a dispatch, a power of two.</param>
    public OnnxBatchLane CreateLane(int maxRows) => new(this, maxRows, Device.IsCuda);

    /// <inheritdoc/>
    public void Dispose() => _segments.Dispose();
}
