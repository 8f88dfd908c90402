using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>The bundle's static network in one ONNX Runtime session: the baseline of measurements and the reference of tests. Not thread-safe.</summary>
public sealed class DenseNetwork : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly RunOptions _run = new();
    private readonly OrtValue _input;
    private readonly OrtValue _output;
    private readonly float[] _image;
    private readonly float[] _logits;
    private readonly bool _isOnDevice;

    /// <summary>Loads the <see cref="DenseGraph"/> with all of ONNX Runtime's optimisations, on one thread.</summary>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public DenseNetwork(Bundle bundle, ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        BundleManifest manifest = bundle.Manifest;
        using SessionOptions options = OnnxSessions.Options(device);
        _session = new InferenceSession(DenseGraph.Assemble(bundle), options);
        _image = GC.AllocateArray<float>(manifest.Input.Length, pinned: true);
        _logits = GC.AllocateArray<float>(manifest.Labels.Count, pinned: true);
        _input = OrtValue.CreateTensorValueFromMemory(_image, [1, 3, manifest.Input.Height, manifest.Input.Width]);
        _output = OrtValue.CreateTensorValueFromMemory(_logits, [1, manifest.Labels.Count]);
        _binding = _session.CreateIoBinding();
        _binding.BindInput("image", _input);
        _binding.BindOutput("logits", _output);
        _isOnDevice = device.IsCuda;
    }

    /// <summary>Runs one image.</summary>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    /// <param name="logits">Takes one value a label.</param>
    /// <exception cref="ArgumentException">The image has another length.</exception>
    public void Run(ReadOnlySpan<float> image, Span<float> logits)
    {
        if (image.Length != _image.Length)
        {
            throw new ArgumentException($"{image.Length} values; the network takes {_image.Length}.", nameof(image));
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
