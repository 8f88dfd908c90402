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
    /// <exception cref="BundleException">ONNX Runtime refuses a segment, or it has other inputs or outputs; the message names the file.</exception>
    public OnnxExecutor(Bundle bundle, ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        Manifest = bundle.Manifest;
        DeviceOf = device;
        using SessionOptions options = OnnxSessions.Options(device);
        try
        {
            Stem = Load(bundle, Manifest.Stem.File, options, ["image"], ["y"]);
            Gates = [.. Manifest.Spans.Select(span => Load(bundle, span.File, options, ["x", "effort"], ["layers", "channels"]))];
            Blocks = [.. Manifest.Blocks.Select(block => Load(bundle, block.File, options, ["x", "keep", "channel_scale", "layer_scale"], ["y"]))];
            Shortcuts = [.. Manifest.Blocks.Select(block => block.ShortcutFile is null ? null : Load(bundle, block.ShortcutFile, options, ["x"], ["y"]))];
            Head = Load(bundle, Manifest.Head.File, options, ["x"], ["logits"]);
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

    private InferenceSession Load(Bundle bundle, string file, SessionOptions options, string[] inputs, string[] outputs)
    {
        InferenceSession session;
        try
        {
            session = new InferenceSession(bundle.PathOf(file), options);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new BundleException(bundle.Folder, [$"{file} is refused by ONNX Runtime: {exception.Message.ReplaceLineEndings(" ")}"]);
        }

        _all.Add(session);
        RequireNames(bundle, file, "inputs", session.InputNames, inputs);
        RequireNames(bundle, file, "outputs", session.OutputNames, outputs);
        return session;
    }

    private static void RequireNames(Bundle bundle, string file, string what, IReadOnlyList<string> actual, string[] expected)
    {
        if (!actual.Order(StringComparer.Ordinal).SequenceEqual(expected.Order(StringComparer.Ordinal)))
        {
            throw new BundleException(bundle.Folder, [$"{file} has the {what} {string.Join(", ", actual)}; expected: {string.Join(", ", expected)}"]);
        }
    }
}
