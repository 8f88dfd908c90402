using System.Collections.Concurrent;
using Google.Protobuf;
using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>The ONNX Runtime sessions of a bundle's segments. Thread-safe.</summary>
internal sealed class OnnxSegments : IDisposable
{
    private readonly List<InferenceSession> _all = [];
    private readonly ConcurrentDictionary<InferenceSession, int> _operations = [];
    private readonly Dictionary<InferenceSession, Func<byte[]>> _graphs = [];
    private readonly Bundle _bundle;

    /// <summary>Loads every segment of a bundle.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="isBatched">Whether they are rewritten for batches (<see cref="FusedGraphs"/>), and blocks are there at their whole width too.</param>
    /// <exception cref="DeviceException">The device has failed.</exception>
    /// <exception cref="BundleException">ONNX Runtime refuses a segment, it has other inputs or outputs or it is of another form; the message names the file.</exception>
    public OnnxSegments(Bundle bundle, SessionOptions options, bool isBatched)
    {
        _bundle = bundle;
        Func<byte[], byte[]>? fuse = isBatched ? FusedGraphs.Fuse : null;
        BundleManifest manifest = bundle.Manifest;
        try
        {
            Stem = Load(manifest.Stem.File, options, ["image"], ["y"], fuse);
            Gates = [.. manifest.Spans.Select(span => Load(span.File, options, ["x", "price"], ["layers", "channels"]))];
            Blocks = [.. manifest.Blocks.Select(block => Load(block.File, options, ["x", "keep", "channel_scale", "layer_scale"], ["y"]))];
            WholeBlocks = isBatched ? [.. manifest.Blocks.Select(block => Create(block.File, options, FusedGraphs.WholeBlock))] : [];
            Shortcuts = [.. manifest.Blocks.Select(block => block.ShortcutFile is null ? null : Load(block.ShortcutFile, options, ["x"], ["y"], fuse))];
            Head = Load(manifest.Head.File, options, ["x"], ["logits"]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many operations of a device a run of a session comes to (<see cref="FusedGraphs.CountOperations"/>); its file is read when that is first asked.</summary>
    public int OperationsOf(InferenceSession session) => _operations.GetOrAdd(session, asked => FusedGraphs.CountOperations(_graphs[asked]()));

    public InferenceSession Stem { get; }

    public IReadOnlyList<InferenceSession> Gates { get; }

    /// <summary>Blocks with the channels that they are told to keep.</summary>
    public IReadOnlyList<InferenceSession> Blocks { get; }

    /// <summary>Blocks at their whole width (<see cref="FusedGraphs.WholeBlock"/>); none where they are not for batches.</summary>
    public IReadOnlyList<InferenceSession> WholeBlocks { get; }

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

    private InferenceSession Load(string file, SessionOptions options, string[] inputs, string[] outputs, Func<byte[], byte[]>? rewrite = null)
    {
        InferenceSession session = Create(file, options, rewrite);
        RequireNames(file, "inputs", session.InputNames, inputs);
        RequireNames(file, "outputs", session.OutputNames, outputs);
        return session;
    }

    private InferenceSession Create(string file, SessionOptions options, Func<byte[], byte[]>? rewrite)
    {
        string path = _bundle.PathOf(file);
        try
        {
            byte[] Graph() => rewrite is null ? File.ReadAllBytes(path) : rewrite(File.ReadAllBytes(path));
            InferenceSession session = rewrite is null ? new InferenceSession(path, options) : new InferenceSession(Graph(), options);
            _all.Add(session);
            _graphs.Add(session, Graph);
            return session;
        }
        catch (OnnxRuntimeException exception) when (DeviceFault.Of(exception) is { } fault)
        {
            throw fault;
        }
        catch (Exception exception) when (exception is OnnxRuntimeException or InvalidProtocolBufferException)
        {
            throw new BundleException(_bundle.Folder, [$"{file} is refused by ONNX Runtime: {exception.Message.ReplaceLineEndings(" ")}"]);
        }
        catch (InvalidDataException exception)
        {
            throw new BundleException(_bundle.Folder, [$"{file} {exception.Message}"]);
        }
    }

    private void RequireNames(string file, string what, IReadOnlyList<string> actual, string[] expected)
    {
        if (!actual.Order(StringComparer.Ordinal).SequenceEqual(expected.Order(StringComparer.Ordinal)))
        {
            throw new BundleException(_bundle.Folder, [$"{file} has the {what} {string.Join(", ", actual)}; expected: {string.Join(", ", expected)}"]);
        }
    }
}
