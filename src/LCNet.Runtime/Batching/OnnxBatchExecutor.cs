using LCNet.Bundles;
using LCNet.Runtime.Execution;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Runs segments on rows of a device's buffer with ONNX Runtime, on CUDA or, by the same way, on the CPU. Blocks run at their whole width with constant weights, and with gathered ones for an image whose cap forbids that.
/// </summary>
internal sealed class OnnxBatchExecutor : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    /// <summary>Loads every segment of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="rows">What numbers of rows are padded to.</param>
    /// <param name="tf32">Whether a GPU may round what it multiplies to TF32.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">ONNX Runtime refuses a segment, or it is of another form; the message names the file.</exception>
    public OnnxBatchExecutor(Bundle bundle, ComputeDevice device, FixedSizes rows, bool tf32 = true)
    {
        Bundle = bundle;
        Rows = rows;
        Device = BatchDevice.Open(device, tf32);
        try
        {
            using SessionOptions options = Device.CreateOptions();
            Segments = new OnnxSegments(bundle, options, isBatched: true);
            _owned.Add(Segments);
            Gather = new InferenceSession(FusedGraphs.Gather(), options);
            _owned.Add(Gather);
            Images = new PinnedRows(Device, bundle.Manifest.Input.Length, rows.Most);
            Gathered = Device.Allocate(rows.Most * BatchScheduler.LargestRow(bundle.Manifest) * sizeof(float));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The network.</summary>
    public Bundle Bundle { get; }

    /// <summary>The device that it runs on.</summary>
    public BatchDevice Device { get; }

    /// <summary>What numbers of rows are padded to.</summary>
    public FixedSizes Rows { get; }

    /// <summary>The sessions.</summary>
    public OnnxSegments Segments { get; }

    /// <summary>Gathers rows of any shape.</summary>
    public InferenceSession Gather { get; }

    /// <summary>Takes images as they come.</summary>
    public PinnedRows Images { get; }

    /// <summary>Memory of the device that takes gathered rows, for whoever has <see cref="Order"/>.</summary>
    public nint Gathered { get; }

    /// <summary>To be locked while the device is given what has to follow one another.</summary>
    public Lock Order { get; } = new();

    /// <summary>Makes a lane with buffers of its own. Dispose it before the executor.</summary>
    public OnnxBatchLane CreateLane() => new(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }

        _owned.Clear();
        Device.Dispose();
    }
}
