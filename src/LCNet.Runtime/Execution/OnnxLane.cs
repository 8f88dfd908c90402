using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace LCNet.Runtime.Execution;

/// <summary>
/// One image's way through ONNX Runtime sessions. Activations stay on the device: each map shape has two buffers, and a block reads one
/// and writes the other. What is bound to a session depends only on the block, the buffer it reads and the number of kept channels. On CPU every
/// binding is therefore made in the constructor, and an image makes none.
/// </summary>
internal sealed class OnnxLane : ISegmentLane
{
    private readonly OnnxExecutor _executor;
    private readonly BundleManifest _manifest;
    private readonly bool _copiesInputs;
    private readonly RunOptions _run = new();
    private readonly OrtMemoryInfo _memory;
    private readonly OrtAllocator _allocator;
    private readonly Stack<IDisposable> _owned = new();
    private readonly Dictionary<MapShape, OrtValue[]> _maps = [];
    private readonly Dictionary<(int Segment, int Slot, int Kept), OrtIoBinding> _bindings = [];
    private readonly float[] _image;
    private readonly float[] _price = new float[1];
    private readonly float[] _layerScale = new float[1];
    private readonly float[] _logits;
    private readonly float[][] _layers;
    private readonly float[][] _channels;
    private readonly long[] _keep;
    private readonly float[] _scales;
    private readonly OrtValue _imageValue;
    private readonly OrtValue _priceValue;
    private readonly OrtValue _layerScaleValue;
    private readonly OrtValue _logitsValue;
    private readonly OrtValue[] _layerValues;
    private readonly OrtValue[] _channelValues;
    private readonly OrtValue?[] _keepValues;
    private readonly OrtValue?[] _scaleValues;
    private MapShape _shape;
    private int _slot;

    /// <summary>Makes a lane.</summary>
    /// <exception cref="OnnxRuntimeException">The device's memory does not suffice.</exception>
    public OnnxLane(OnnxExecutor executor)
    {
        _executor = executor;
        _manifest = executor.Manifest;
        _copiesInputs = executor.DeviceOf.IsCuda;
        try
        {
            _memory = Own(OnnxSessions.Memory(executor.DeviceOf));
            _allocator = Own(new OrtAllocator(executor.Stem, _memory));
            _shape = _manifest.Stem.Output;
            InputSpec input = _manifest.Input;
            (_image, _imageValue) = HostTensor(input.Length, 1, 3, input.Height, input.Width);
            _priceValue = HostTensor(_price, 1, 1);
            _layerScaleValue = HostTensor(_layerScale, 1, 1);
            (_logits, _logitsValue) = HostTensor(_manifest.Labels.Count, 1, _manifest.Labels.Count);
            _layers = new float[_manifest.Spans.Count][];
            _channels = new float[_manifest.Spans.Count][];
            _layerValues = new OrtValue[_manifest.Spans.Count];
            _channelValues = new OrtValue[_manifest.Spans.Count];
            for (int i = 0; i < _manifest.Spans.Count; i++)
            {
                SpanSpec span = _manifest.Spans[i];
                int width = _manifest.ChannelsOf(span);
                (_layers[i], _layerValues[i]) = HostTensor(span.Blocks, 1, span.Blocks);
                (_channels[i], _channelValues[i]) = HostTensor(width, 1, width);
            }

            int most = _manifest.Blocks.Max(block => block.Channels);
            _keep = GC.AllocateArray<long>(most, pinned: true);
            _scales = GC.AllocateArray<float>(most, pinned: true);
            _keepValues = new OrtValue?[most + 1];
            _scaleValues = new OrtValue?[most + 1];
            foreach (MapShape shape in _manifest.Blocks.Select(block => block.Output).Append(_manifest.Stem.Output).Distinct())
            {
                _maps[shape] = [DeviceMap(shape), DeviceMap(shape)];
            }
            if (!_copiesInputs)
            {
                BindAll();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Stem(ReadOnlySpan<float> image)
    {
        _executor.Enter();
        image.CopyTo(_image);
        _shape = _manifest.Stem.Output;
        _slot = 0;
        Run(_executor.Stem, SegmentNumber.Stem, 0, BindStem);
    }

    public void Gate(int span, float price, Span<float> layers, Span<float> channels)
    {
        _price[0] = price;
        Run(_executor.Gates[span], SegmentNumber.Gate(span), 0, BindGate);
        _layers[span].CopyTo(layers);
        _channels[span].CopyTo(channels);
    }

    public void Block(int block, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale)
    {
        keep.CopyTo(_keep);
        channelScales.CopyTo(_scales);
        _layerScale[0] = layerScale;
        Run(_executor.Blocks[block], SegmentNumber.Block(block), keep.Length, BindBlock);
        Advance(block);
    }

    public void Shortcut(int block)
    {
        Run(_executor.Shortcuts[block]!, SegmentNumber.Shortcut(block), 0, BindShortcut);
        Advance(block);
    }

    public void Head(Span<float> logits)
    {
        Run(_executor.Head, SegmentNumber.Head, 0, BindHead);
        _logits.CopyTo(logits);
    }

    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? owned))
        {
            owned.Dispose();
        }

        _run.Dispose();
    }

    private OrtValue Current => _maps[_shape][_slot];

    private OrtValue Next(int block) => _maps[_manifest.Blocks[block].Output][NextSlot(block)];

    private int NextSlot(int block) => _manifest.Blocks[block].Output == _shape ? 1 - _slot : 0;

    private void Advance(int block)
    {
        _slot = NextSlot(block);
        _shape = _manifest.Blocks[block].Output;
    }

    private void Run(InferenceSession session, int segment, int kept, Action<OnnxLane, OrtIoBinding, int, int> bind)
    {
        OrtIoBinding? binding;
        if (_copiesInputs)
        {
            // With a device, ONNX Runtime copies a host tensor there when it is bound, not when it runs: what is new has to be bound again.
            if (!_bindings.TryGetValue((segment, 0, 0), out binding))
            {
                binding = Own(session.CreateIoBinding());
                _bindings.Add((segment, 0, 0), binding);
            }

            bind(this, binding, segment, kept);
        }
        else
        {
            binding = _bindings[(segment, _slot, kept)];
        }

        session.RunWithBinding(_run, binding);
    }

    // Makes the bindings of every segment with every buffer that its input can be in, and of blocks with every number of kept channels.
    private void BindAll()
    {
        Prepare(_executor.Stem, SegmentNumber.Stem, 0, BindStem);
        int[] slots = [0];
        foreach ((int i, SpanSpec span) in _manifest.Spans.Index())
        {
            foreach (int slot in slots)
            {
                _slot = slot;
                Prepare(_executor.Gates[i], SegmentNumber.Gate(i), 0, BindGate);
            }

            for (int block = span.FirstBlock; block < span.FirstBlock + span.Blocks; block++)
            {
                slots = BindBlockAt(slots, block);
            }
        }

        foreach (int slot in slots)
        {
            _slot = slot;
            Prepare(_executor.Head, SegmentNumber.Head, 0, BindHead);
        }
    }

    // Returns the buffers that the block's output can be in: where it is skipped and its shortcut is an identity, that of its input too.
    private int[] BindBlockAt(int[] slots, int block)
    {
        BlockSpec spec = _manifest.Blocks[block];
        var next = new HashSet<int>();
        foreach (int slot in slots)
        {
            _slot = slot;
            for (int kept = 1; kept <= spec.Channels; kept++)
            {
                Prepare(_executor.Blocks[block], SegmentNumber.Block(block), kept, BindBlock);
            }

            if (_executor.Shortcuts[block] is InferenceSession shortcut)
            {
                Prepare(shortcut, SegmentNumber.Shortcut(block), 0, BindShortcut);
            }
            else
            {
                next.Add(slot);
            }

            next.Add(NextSlot(block));
        }

        _shape = spec.Output;
        return [.. next];
    }

    private void Prepare(InferenceSession session, int segment, int kept, Action<OnnxLane, OrtIoBinding, int, int> bind)
    {
        OrtIoBinding binding = Own(session.CreateIoBinding());
        bind(this, binding, segment, kept);
        _bindings.Add((segment, _slot, kept), binding);
    }

    private T Own<T>(T resource)
        where T : IDisposable
    {
        _owned.Push(resource);
        return resource;
    }

    private OrtValue DeviceMap(MapShape shape) =>
        Own(OrtValue.CreateAllocatedTensorValue(_allocator, TensorElementType.Float, [1, shape.Channels, shape.Height, shape.Width]));

    private (float[] Array, OrtValue Value) HostTensor(int length, params long[] shape)
    {
        float[] array = GC.AllocateArray<float>(length, pinned: true);
        return (array, HostTensor(array, shape));
    }

    private OrtValue HostTensor<T>(T[] array, params long[] shape)
        where T : unmanaged
    {
        long length = 1;
        foreach (long dimension in shape)
        {
            length *= dimension;
        }

        return Own(OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, new Memory<T>(array, 0, (int)length), shape));
    }

    private static void BindStem(OnnxLane lane, OrtIoBinding binding, int segment, int kept)
    {
        binding.BindInput("image", lane._imageValue);
        binding.BindOutput("y", lane._maps[lane._shape][0]);
    }

    private static void BindGate(OnnxLane lane, OrtIoBinding binding, int segment, int kept)
    {
        int span = SegmentNumber.Index(segment);
        binding.BindInput("x", lane.Current);
        binding.BindInput("price", lane._priceValue);
        binding.BindOutput("layers", lane._layerValues[span]);
        binding.BindOutput("channels", lane._channelValues[span]);
    }

    private static void BindBlock(OnnxLane lane, OrtIoBinding binding, int segment, int kept)
    {
        binding.BindInput("x", lane.Current);
        binding.BindInput("keep", lane._keepValues[kept] ??= lane.HostTensor(lane._keep, kept));
        binding.BindInput("channel_scale", lane._scaleValues[kept] ??= lane.HostTensor(lane._scales, 1, kept));
        binding.BindInput("layer_scale", lane._layerScaleValue);
        binding.BindOutput("y", lane.Next(SegmentNumber.Index(segment)));
    }

    private static void BindShortcut(OnnxLane lane, OrtIoBinding binding, int segment, int kept)
    {
        binding.BindInput("x", lane.Current);
        binding.BindOutput("y", lane.Next(SegmentNumber.Index(segment)));
    }

    private static void BindHead(OnnxLane lane, OrtIoBinding binding, int segment, int kept)
    {
        binding.BindInput("x", lane.Current);
        binding.BindOutput("logits", lane._logitsValue);
    }
}
