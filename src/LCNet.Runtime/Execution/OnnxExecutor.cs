using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime;

/// <summary>Runs segments with ONNX Runtime, on CPU or CUDA. The weights of kept channels are gathered inside the block's graph.</summary>
public sealed class OnnxExecutor : ISegmentExecutor
{
    private readonly List<InferenceSession> _all = [];

    /// <summary>Loads every segment of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="device">Where to run.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">ONNX Runtime refuses a segment; the message names the file.</exception>
    public OnnxExecutor(Bundle bundle, ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        Manifest = bundle.Manifest;
        DeviceOf = device;
        using SessionOptions options = OnnxSessions.Options(device);
        try
        {
            Stem = Load(bundle, Manifest.Stem.File, options);
            Gates = [.. Manifest.Spans.Select(span => Load(bundle, span.File, options))];
            Blocks = [.. Manifest.Blocks.Select(block => Load(bundle, block.File, options))];
            Shortcuts = [.. Manifest.Blocks.Select(block => block.ShortcutFile is null ? null : Load(bundle, block.ShortcutFile, options))];
            Head = Load(bundle, Manifest.Head.File, options);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Device => DeviceOf.ToString();

    internal BundleManifest Manifest { get; }

    internal ComputeDevice DeviceOf { get; }

    internal InferenceSession Stem { get; }

    internal IReadOnlyList<InferenceSession> Gates { get; }

    internal IReadOnlyList<InferenceSession> Blocks { get; }

    internal IReadOnlyList<InferenceSession?> Shortcuts { get; }

    internal InferenceSession Head { get; }

    /// <inheritdoc/>
    public ISegmentLane CreateLane() => new OnnxLane(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (InferenceSession session in _all)
        {
            session.Dispose();
        }

        _all.Clear();
    }

    private InferenceSession Load(Bundle bundle, string file, SessionOptions options)
    {
        try
        {
            var session = new InferenceSession(bundle.PathOf(file), options);
            _all.Add(session);
            return session;
        }
        catch (OnnxRuntimeException exception)
        {
            throw new BundleException(bundle.Folder, [$"{file} is refused by ONNX Runtime: {exception.Message.ReplaceLineEndings(" ")}"]);
        }
    }
}
