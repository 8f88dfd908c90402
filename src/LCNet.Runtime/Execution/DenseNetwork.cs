using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>The bundle's static network in one ONNX Runtime session: the baseline of measurements and the reference of tests. Not thread-safe.</summary>
public sealed class DenseNetwork : IDisposable
{
    // The image to a device and the logits back.
    private const int CopiesOfARun = 2;

    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly RunOptions _run = new();
    private readonly OrtValue _input;
    private readonly OrtValue _output;
    private readonly float[] _image;
    private readonly float[] _logits;
    private readonly bool _isOnDevice;

    /// <summary>Loads the <see cref="DenseGraph"/> with all of ONNX Runtime's optimisations, on one thread; on a GPU with one node for each convolution and its activation, as batches have it.</summary>
    /// <param name="batch">How many images run together, at least 1.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public DenseNetwork(Bundle bundle, ComputeDevice device, int batch = 1)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        BundleManifest manifest = bundle.Manifest;
        using SessionOptions options = OnnxSessions.Options(device);
        byte[] graph = device.IsCuda ? FusedGraphs.Fuse(DenseGraph.Assemble(bundle)) : DenseGraph.Assemble(bundle);
        Operations = FusedGraphs.CountOperations(graph) + CopiesOfARun;
        _session = new InferenceSession(graph, options);
        _image = GC.AllocateArray<float>(batch * manifest.Input.Length, pinned: true);
        _logits = GC.AllocateArray<float>(batch * manifest.Labels.Count, pinned: true);
        _input = OrtValue.CreateTensorValueFromMemory(_image, [batch, 3, manifest.Input.Height, manifest.Input.Width]);
        _output = OrtValue.CreateTensorValueFromMemory(_logits, [batch, manifest.Labels.Count]);
        _binding = _session.CreateIoBinding();
        _binding.BindInput("image", _input);
        _binding.BindOutput("logits", _output);
        _isOnDevice = device.IsCuda;
    }

    /// <summary>Operations that a run gives a device: those of the graph, and copies.</summary>
    public int Operations { get; }

    /// <summary>Runs as many images as it was made for.</summary>
    /// <param name="image">The network's input, 3 × height × width values an image.</param>
    /// <param name="logits">Takes one value a label of each image.</param>
    /// <exception cref="ArgumentException">There are other than these values.</exception>
    public void Run(ReadOnlySpan<float> image, Span<float> logits)
    {
        if (image.Length != _image.Length)
        {
            throw new ArgumentException($"{image.Length} values; it takes {_image.Length}.", nameof(image));
        }

        image.CopyTo(_image);

        if (_isOnDevice)
        {
            // The image is copied to the device when it is bound.
            _binding.BindInput("image", _input);
        }

        _session.RunWithBinding(_run, _binding);
        _logits.CopyTo(logits);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _binding.Dispose();
        _input.Dispose();
        _output.Dispose();
        _run.Dispose();
        _session.Dispose();
    }
}
