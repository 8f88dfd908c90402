using LCNet.Bundles;
using LCNet.Runtime.Execution;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Buffers of a device and the bindings of ONNX Runtime sessions to them. Each segment has one binding, to the whole buffer that it reads; the small inputs and the rows that it
/// writes are bound anew for each dispatch, as views of memory that is on the device already: that costs a few hundred bytes of managed memory a dispatch, and
/// nothing an image. No dispatch of a block waits or copies; gates and head do both, as the host needs what they say.
/// </summary>
internal sealed class OnnxBatchLane : IBatchLane
{
    private readonly OnnxSegments _segments;
    private readonly BundleManifest _manifest;
    private readonly RunOptions _waiting = new();
    private readonly RunOptions _running = new();
    private readonly Stack<IDisposable> _owned = new();
    private readonly Dictionary<MapShape, TensorMemory> _maps = [];
    private readonly TensorMemory _indices;
    private readonly TensorMemory _values;
    private readonly TapeUpload? _upload;
    private readonly float[] _images;
    private readonly TensorMemory _imageRows;
    private readonly HostRows[] _layers;
    private readonly HostRows[] _channels;
    private readonly HostRows _logits;
    private readonly OrtIoBinding _stem;
    private readonly OrtIoBinding[] _gates;
    private readonly OrtIoBinding[] _blocks;
    private readonly OrtIoBinding?[] _shortcuts;
    private readonly OrtIoBinding _head;

    /// <summary>Makes a lane.</summary>
    /// <param name="maxRows">Most rows of a dispatch, a power of two.</param>
    /// <param name="copiesTape">Whether the tape is copied to memory of the device: needed where that is not the host's.</param>
    /// <exception cref="OnnxRuntimeException">The device's memory does not suffice.</exception>
    public OnnxBatchLane(OnnxBatchExecutor executor, int maxRows, bool copiesTape)
    {
        _segments = executor.Segments;
        _manifest = executor.Bundle.Manifest;
        _running.AddRunConfigEntry("disable_synchronize_execution_providers", executor.Device.IsCuda ? "1" : "0");
        Tape = new DispatchTape(_manifest, maxRows);
        try
        {
            OrtMemoryInfo memory = Own(OnnxSessions.Memory(executor.Device));
            OrtAllocator allocator = Own(new OrtAllocator(_segments.Stem, memory));
            TensorMemory Allocate(TensorElementType type, long elements) =>
                new(memory, type, Own(allocator.Allocate(TensorMemory.Bytes(type, elements))));
            IReadOnlyDictionary<MapShape, int> capacities = BufferRows.Of(_manifest, maxRows);
            foreach ((MapShape shape, int rows) in capacities)
            {
                _maps[shape] = Allocate(TensorElementType.Float, rows * Size(shape));
            }

            _indices = copiesTape ? Allocate(TensorElementType.Int64, Tape.Indices.Length) : new TensorMemory(Tape.Indices);
            _values = copiesTape ? Allocate(TensorElementType.Float, Tape.Values.Length) : new TensorMemory(Tape.Values);
            if (copiesTape)
            {
                using SessionOptions options = OnnxSessions.Options(executor.Device, inOrder: true);
                _upload = Own(new TapeUpload(Tape, _indices, _values, options));
            }

            _images = GC.AllocateArray<float>(maxRows * _manifest.Input.Length, pinned: true);
            _imageRows = new TensorMemory(_images);
            _layers = [.. _manifest.Spans.Select(span => new HostRows(maxRows, span.Blocks))];
            _channels = [.. _manifest.Spans.Select(span => new HostRows(maxRows, _manifest.ChannelsOf(span)))];
            _logits = new HostRows(maxRows, _manifest.Labels.Count);

            OrtIoBinding Reading(InferenceSession session, MapShape shape)
            {
                OrtIoBinding binding = Own(session.CreateIoBinding());
                binding.BindInput("x", Own(Map(shape, 0, capacities[shape])));
                return binding;
            }

            _stem = Own(_segments.Stem.CreateIoBinding());
            _gates = [.. _segments.Gates.Select((session, i) => Reading(session, _manifest.Blocks[_manifest.Spans[i].FirstBlock].Input))];
            _blocks = [.. _segments.Blocks.Select((session, i) => Reading(session, _manifest.Blocks[i].Input))];
            _shortcuts = [.. _segments.Shortcuts.Select((session, i) => session is null ? null : Reading(session, _manifest.Blocks[i].Input))];
            _head = Reading(_segments.Head, _manifest.Blocks[^1].Output);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public DispatchTape Tape { get; }

    /// <inheritdoc/>
    public void Image(int row, ReadOnlySpan<float> image) => image.CopyTo(_images.AsSpan(row * _manifest.Input.Length, _manifest.Input.Length));

    /// <inheritdoc/>
    public void Load() => _upload?.Run(_running);

    /// <inheritdoc/>
    public void Stem(int rows)
    {
        using OrtValue image = _imageRows.Tensor(0, rows, 3, _manifest.Input.Height, _manifest.Input.Width);
        using OrtValue y = Map(_manifest.Stem.Output, 0, rows);

        // Copied to the device where it is bound.
        _stem.BindInput("image", image);
        _stem.BindOutput("y", y);
        _segments.Stem.RunWithBinding(_running, _stem);
    }

    /// <inheritdoc/>
    public void Gate(int span, in RowReading reading, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels)
    {
        OrtIoBinding binding = _gates[span];
        using OrtValue rows = _indices.Tensor(reading.RowsAt, reading.Rows);
        using OrtValue price = _values.Tensor(reading.PricesAt, reading.Rows, 1);
        using OrtValue layerRows = _layers[span].Tensor(reading.Rows);
        using OrtValue channelRows = _channels[span].Tensor(reading.Rows);
        binding.BindInput(RowGather.Rows, rows);
        binding.BindInput("price", price);
        binding.BindOutput("layers", layerRows);
        binding.BindOutput("channels", channelRows);
        _segments.Gates[span].RunWithBinding(_waiting, binding);
        layers = _layers[span].Values(reading.Rows);
        channels = _channels[span].Values(reading.Rows);
    }

    /// <inheritdoc/>
    public void Run(in BlockDispatch dispatch, bool wait)
    {
        bool isWhole = dispatch.Channels > 0;
        InferenceSession session = isWhole ? _segments.Blocks[dispatch.Block] : _segments.Shortcuts[dispatch.Block]!;
        OrtIoBinding binding = isWhole ? _blocks[dispatch.Block] : _shortcuts[dispatch.Block]!;
        using OrtValue rows = _indices.Tensor(dispatch.RowsAt, dispatch.Rows);
        using OrtValue y = Map(_manifest.Blocks[dispatch.Block].Output, dispatch.Slot, dispatch.Rows);
        binding.BindInput(RowGather.Rows, rows);
        binding.BindOutput("y", y);
        if (isWhole)
        {
            using OrtValue keep = _indices.Tensor(dispatch.KeepAt, dispatch.Channels);
            using OrtValue scales = _values.Tensor(dispatch.ScalesAt, dispatch.Rows, dispatch.Channels);
            using OrtValue layers = _values.Tensor(dispatch.LayersAt, dispatch.Rows, 1);
            binding.BindInput("keep", keep);
            binding.BindInput("channel_scale", scales);
            binding.BindInput("layer_scale", layers);
        }

        session.RunWithBinding(wait ? _waiting : _running, binding);
    }

    /// <inheritdoc/>
    public void Head(in RowReading reading, out ReadOnlySpan<float> logits)
    {
        using OrtValue rows = _indices.Tensor(reading.RowsAt, reading.Rows);
        using OrtValue logitRows = _logits.Tensor(reading.Rows);
        _head.BindInput(RowGather.Rows, rows);
        _head.BindOutput("logits", logitRows);
        _segments.Head.RunWithBinding(_waiting, _head);
        logits = _logits.Values(reading.Rows);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? owned))
        {
            owned.Dispose();
        }

        _waiting.Dispose();
        _running.Dispose();
    }

    private static long Size(MapShape shape) => (long)shape.Channels * shape.Height * shape.Width;

    private OrtValue Map(MapShape shape, int slot, int rows) =>
        _maps[shape].Tensor(slot * Size(shape), rows, shape.Channels, shape.Height, shape.Width);

    private T Own<T>(T resource)
        where T : IDisposable
    {
        _owned.Push(resource);
        return resource;
    }

    // What the device tells the host: rows of one width.
    private sealed class HostRows
    {
        private readonly float[] _values;
        private readonly TensorMemory _rows;
        private readonly int _width;

        public HostRows(int rows, int width)
        {
            _width = width;
            _values = GC.AllocateArray<float>(rows * width, pinned: true);
            _rows = new TensorMemory(_values);
        }

        public OrtValue Tensor(int rows) => _rows.Tensor(0, rows, _width);

        public ReadOnlySpan<float> Values(int rows) => _values.AsSpan(0, rows * _width);
    }
}
