using Google.Protobuf;
using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>The ONNX Runtime sessions of a bundle's segments. Thread-safe.</summary>
internal sealed class OnnxSegments : IDisposable
{
    private readonly List<InferenceSession> _all = [];
    private readonly Bundle _bundle;
    private readonly bool _byRows;

    /// <summary>Loads every segment of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="byRows">Whether all but the stem take, besides a buffer <c>x</c>, the rows of it that they run on (<see cref="RowGather"/>).</param>
    /// <exception cref="BundleException">ONNX Runtime refuses a segment, or it has other inputs or outputs; the message names the file.</exception>
    public OnnxSegments(Bundle bundle, SessionOptions options, bool byRows)
    {
        _bundle = bundle;
        _byRows = byRows;
        BundleManifest manifest = bundle.Manifest;
        try
        {
            Stem = Load(manifest.Stem.File, options, ["image"], ["y"]);
            Gates = [.. manifest.Spans.Select(span => Load(span.File, options, ["x", "price"], ["layers", "channels"]))];
            Blocks = [.. manifest.Blocks.Select(block => Load(block.File, options, ["x", "keep", "channel_scale", "layer_scale"], ["y"]))];
            Shortcuts = [.. manifest.Blocks.Select(block => block.ShortcutFile is null ? null : Load(block.ShortcutFile, options, ["x"], ["y"]))];
            Head = Load(manifest.Head.File, options, ["x"], ["logits"]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public InferenceSession Stem { get; }

    public IReadOnlyList<InferenceSession> Gates { get; }

    public IReadOnlyList<InferenceSession> Blocks { get; }

    public IReadOnlyList<InferenceSession?> Shortcuts { get; }

    public InferenceSession Head { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (InferenceSession session in _all)
        {
            session.Dispose();
        }

        _all.Clear();
    }

    private InferenceSession Load(string file, SessionOptions options, string[] inputs, string[] outputs)
    {
        InferenceSession session;
        bool byRows = _byRows && inputs.Contains("x");
        try
        {
            string path = _bundle.PathOf(file);
            session = byRows ? new InferenceSession(RowGather.Prepend(File.ReadAllBytes(path)), options) : new InferenceSession(path, options);
        }
        catch (Exception exception) when (exception is OnnxRuntimeException or InvalidProtocolBufferException or InvalidDataException)
        {
            throw new BundleException(_bundle.Folder, [$"{file} is refused by ONNX Runtime: {exception.Message.ReplaceLineEndings(" ")}"]);
        }

        _all.Add(session);
        RequireNames(file, "inputs", session.InputNames, byRows ? [.. inputs, RowGather.Rows] : inputs, inputs);
        RequireNames(file, "outputs", session.OutputNames, outputs, outputs);
        return session;
    }

    private void RequireNames(string file, string what, IReadOnlyList<string> actual, string[] expected, string[] named)
    {
        if (!actual.Order(StringComparer.Ordinal).SequenceEqual(expected.Order(StringComparer.Ordinal)))
        {
            IEnumerable<string> own = actual.Where(name => name != RowGather.Rows);
            throw new BundleException(_bundle.Folder, [$"{file} has the {what} {string.Join(", ", own)}; expected: {string.Join(", ", named)}"]);
        }
    }
}
