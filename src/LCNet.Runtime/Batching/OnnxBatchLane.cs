using System.Runtime.InteropServices;
using LCNet.Bundles;
using LCNet.Runtime.Execution;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Buffers of a device and the bindings of ONNX Runtime sessions to them. What a dispatch reads and writes is bound anew for each, as views of memory that is on the device already: that costs a few hundred bytes of managed
/// memory a dispatch, and nothing an image. No dispatch of a block waits or copies; gates and head do both, as the host needs what they say.
/// </summary>
internal sealed class OnnxBatchLane : IBatchLane
{
    private readonly OnnxBatchExecutor _executor;
    private readonly OnnxSegments _segments;
    private readonly BundleManifest _manifest;
    private readonly BatchDevice _device;
    private readonly RunOptions _run = new();
    private readonly Stack<IDisposable> _owned = new();
    // The tape, as floats and, in the place of two of them, as indices.
    private readonly TensorMemory _values;
    private readonly TensorMemory _indices;
    private readonly TensorMemory _images;
    private readonly TensorMemory _maps;
    private readonly TensorMemory _gathered;
    private readonly TensorMemory _answers;
    private readonly HostMemory<float> _hostImages;
    private readonly HostMemory<float> _hostAnswers;
    private readonly Dictionary<MapShape, OrtIoBinding> _gathers = [];
    private readonly OrtIoBinding _stem;
    private readonly OrtIoBinding[] _gates;
    private readonly OrtIoBinding[] _whole;
    private readonly OrtIoBinding[] _kept;
    private readonly OrtIoBinding?[] _shortcuts;
    private readonly OrtIoBinding _head;
    private readonly Dictionary<InferenceSession, long> _runs = [];
    private long _copiesAndGathers;

    /// <summary>Makes a lane.</summary>
    /// <exception cref="DeviceException">The device's memory does not suffice.</exception>
    public OnnxBatchLane(OnnxBatchExecutor executor)
    {
        (_executor, _segments, _manifest, _device) = (executor, executor.Segments, executor.Bundle.Manifest, executor.Device);
        _run.AddRunConfigEntry("disable_synchronize_execution_providers", "1");
        int rows = executor.Rows.Most;
        TensorMemory Allocate(TensorElementType type, long elements) =>
            new(_device.Memory, type, _device.Allocate(elements * (type == TensorElementType.Int64 ? sizeof(long) : sizeof(float))));
        try
        {
            Tape = new DispatchTape(_manifest, executor.Rows, _device);
            _values = Allocate(TensorElementType.Float, Tape.Capacity);
            _indices = new TensorMemory(_device.Memory, TensorElementType.Int64, _values.Address);
            _hostImages = new HostMemory<float>(_device, rows * _manifest.Input.Length);
            _images = Allocate(TensorElementType.Float, rows * _manifest.Input.Length);
            long capacity = RowArena.CapacityFor(rows, BatchScheduler.LargestRow(_manifest));
            _maps = Allocate(TensorElementType.Float, capacity);
            _gathered = new TensorMemory(_device.Memory, TensorElementType.Float, executor.Gathered);
            int answers = rows * Math.Max(_manifest.Labels.Count, _manifest.Spans.Max(span => span.Blocks + _manifest.ChannelsOf(span)));
            _answers = Allocate(TensorElementType.Float, answers);
            _hostAnswers = new HostMemory<float>(_device, answers);
            foreach (MapShape shape in _manifest.Blocks.Select(block => block.Output).Append(_manifest.Stem.Output).Distinct())
            {
                OrtIoBinding binding = Own(executor.Gather.CreateIoBinding());
                binding.BindInput("x", Own(Map(_maps, shape, 0, (int)(capacity / shape.Length))));
                _gathers.Add(shape, binding);
            }

            _stem = Own(_segments.Stem.CreateIoBinding());
            _gates = [.. _segments.Gates.Select(session => Own(session.CreateIoBinding()))];
            _whole = [.. _segments.WholeBlocks.Select(session => Own(session.CreateIoBinding()))];
            _kept = [.. _segments.Blocks.Select(session => Own(session.CreateIoBinding()))];
            _shortcuts = [.. _segments.Shortcuts.Select(session => session is null ? null : Own(session.CreateIoBinding()))];
            _head = Own(_segments.Head.CreateIoBinding());
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public DispatchTape Tape { get; }

    /// <summary>Operations that the device has been given: those of the graphs that ran, and copies.</summary>
    public long Operations => _copiesAndGathers + _runs.Sum(run => run.Value * _segments.OperationsOf(run.Key));

    /// <summary>How often the host has waited for the device.</summary>
    public long Synchronisations { get; private set; }

    /// <inheritdoc/>
    public void Load()
    {
        lock (_executor.Order)
        {
            Upload(Tape.Address, _values.Address, (long)Tape.Length * sizeof(float));
        }
    }

    /// <inheritdoc/>
    public void LoadImages(ReadOnlySpan<BatchImage> images)
    {
        int length = _manifest.Input.Length;
        long bytes = (long)length * sizeof(float);
        for (int i = 0; i < images.Length; i++)
        {
            if (images[i].Staged == 0)
            {
                images[i].Pixels.Span.CopyTo(_hostImages.Span.Slice(i * length, length));
            }
        }

        nint From(in BatchImage image, int row) => image.Staged != 0 ? image.Staged : (nint)(_hostImages.Address + (row * bytes));
        lock (_executor.Order)
        {
            int count;
            for (int first = 0; first < images.Length; first += count)
            {
                nint from = From(images[first], first);
                count = 1;
                while (first + count < images.Length && From(images[first + count], first + count) == from + (nint)(count * bytes))
                {
                    count++;
                }

                Upload(from, (nint)(_images.Address + (first * bytes)), count * bytes);
            }
        }
    }

    /// <inheritdoc/>
    public void Stem(int rows)
    {
        InputSpec input = _manifest.Input;
        using OrtValue image = _images.Tensor(0, rows, 3, input.Height, input.Width);
        using OrtValue y = Map(_maps, _manifest.Stem.Output, 0, rows);
        lock (_executor.Order)
        {
            _stem.BindInput("image", image);
            _stem.BindOutput("y", y);
            Run(_segments.Stem, _stem);
        }
    }

    /// <inheritdoc/>
    public void Gate(int span, in RowSource source, int pricesAt, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels)
    {
        SpanSpec spec = _manifest.Spans[span];
        int rows = source.Rows;
        int width = _manifest.ChannelsOf(spec);
        OrtIoBinding binding = _gates[span];
        using OrtValue price = _values.Tensor(pricesAt, rows, 1);
        using OrtValue layerRows = _answers.Tensor(0, rows, spec.Blocks);
        using OrtValue channelRows = _answers.Tensor(rows * spec.Blocks, rows, width);
        lock (_executor.Order)
        {
            using OrtValue x = Read(_manifest.Blocks[spec.FirstBlock].Input, source);
            binding.BindInput("x", x);
            binding.BindInput("price", price);
            binding.BindOutput("layers", layerRows);
            binding.BindOutput("channels", channelRows);
            Run(_segments.Gates[span], binding);
            Download(_answers.Address, _hostAnswers.Address, (long)rows * (spec.Blocks + width) * sizeof(float));
        }

        Wait();
        layers = _hostAnswers.Span[..(rows * spec.Blocks)];
        channels = _hostAnswers.Span.Slice(rows * spec.Blocks, rows * width);
    }

    /// <inheritdoc/>
    public void Run(in BlockDispatch dispatch)
    {
        BlockSpec block = _manifest.Blocks[dispatch.Block];
        int rows = dispatch.Source.Rows;
        using OrtValue y = Map(_maps, block.Output, dispatch.At, rows);
        lock (_executor.Order)
        {
            using OrtValue x = Read(block.Input, dispatch.Source);
            switch (dispatch.Form)
            {
                case BlockForm.Whole:
                    RunWhole(dispatch, x, y);
                    break;
                case BlockForm.Kept:
                    RunKept(dispatch, x, y);
                    break;
                default:
                    Run(_segments.Shortcuts[dispatch.Block]!, _shortcuts[dispatch.Block]!, x, y);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Head(in RowSource source, out ReadOnlySpan<float> logits)
    {
        using OrtValue logitRows = _answers.Tensor(0, source.Rows, _manifest.Labels.Count);
        lock (_executor.Order)
        {
            using OrtValue x = Read(_manifest.Blocks[^1].Output, source);
            _head.BindInput("x", x);
            _head.BindOutput("logits", logitRows);
            Run(_segments.Head, _head);
            Download(_answers.Address, _hostAnswers.Address, (long)source.Rows * _manifest.Labels.Count * sizeof(float));
        }

        Wait();
        logits = _hostAnswers.Span[..(source.Rows * _manifest.Labels.Count)];
    }

    /// <inheritdoc/>
    public void Wait()
    {
        _device.Wait();
        Synchronisations++;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? owned))
        {
            owned.Dispose();
        }

        _run.Dispose();
    }

    private void Upload(nint host, nint device, long bytes)
    {
        _device.Upload(host, device, bytes);
        _copiesAndGathers++;
    }

    private void Download(nint device, nint host, long bytes)
    {
        _device.Download(device, host, bytes);
        _copiesAndGathers++;
    }

    private static OrtValue Map(TensorMemory memory, MapShape shape, long at, int rows) => memory.Tensor(at, rows, shape.Channels, shape.Height, shape.Width);

    private void RunWhole(in BlockDispatch dispatch, OrtValue x, OrtValue y)
    {
        OrtIoBinding binding = _whole[dispatch.Block];
        using OrtValue last = _values.Tensor(dispatch.LastAt, dispatch.Source.Rows, dispatch.Channels + FusedGraphs.BiasChannels);
        binding.BindInput(FusedGraphs.LastScale, last);
        if (_manifest.Blocks[dispatch.Block].Kind == BlockSpec.Bottleneck)
        {
            using OrtValue scales = _values.Tensor(dispatch.ScalesAt, dispatch.Source.Rows, dispatch.Channels);
            binding.BindInput("channel_scale", scales);
        }

        Run(_segments.WholeBlocks[dispatch.Block], binding, x, y);
    }

    private void RunKept(in BlockDispatch dispatch, OrtValue x, OrtValue y)
    {
        OrtIoBinding binding = _kept[dispatch.Block];
        using OrtValue keep = _indices.Tensor(dispatch.KeepAt / 2, dispatch.Channels);
        using OrtValue scales = _values.Tensor(dispatch.ScalesAt, dispatch.Source.Rows, dispatch.Channels);
        using OrtValue branch = _values.Tensor(dispatch.LastAt, dispatch.Source.Rows, 1);
        binding.BindInput("keep", keep);
        binding.BindInput("channel_scale", scales);
        binding.BindInput("layer_scale", branch);
        Run(_segments.Blocks[dispatch.Block], binding, x, y);
    }

    private void Run(InferenceSession session, OrtIoBinding binding, OrtValue x, OrtValue y)
    {
        binding.BindInput("x", x);
        binding.BindOutput("y", y);
        Run(session, binding);
    }

    private void Run(InferenceSession session, OrtIoBinding binding)
    {
        session.RunWithBinding(_run, binding);
        CollectionsMarshal.GetValueRefOrAddDefault(_runs, session, out _)++;
    }

    // A view of rows that lie together; gathered ones otherwise, until the next are.
    private OrtValue Read(MapShape shape, in RowSource source)
    {
        if (source.At >= 0)
        {
            return Map(_maps, shape, source.At, source.Rows);
        }

        OrtIoBinding binding = _gathers[shape];
        using OrtValue rows = _indices.Tensor(source.IndicesAt / 2, source.Rows);
        OrtValue gathered = Map(_gathered, shape, 0, source.Rows);
        binding.BindInput(FusedGraphs.Rows, rows);
        binding.BindOutput("y", gathered);
        _executor.Gather.RunWithBinding(_run, binding);
        _copiesAndGathers++;
        return gathered;
    }

    private T Own<T>(T resource)
        where T : IDisposable
    {
        _owned.Push(resource);
        return resource;
    }
}
