using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace LCNet.Runtime;

/// <summary>
/// One image's way through ONNX Runtime sessions. Activations stay on the device: each map shape has two buffers, and a block reads one
/// and writes the other. What is bound to a session depends only on the block, the buffer it reads and the number of kept channels, so
/// bindings are made once each and reused.
/// </summary>
internal sealed class OnnxLane : ISegmentLane
{
    private readonly OnnxExecutor _executor;
    private readonly BundleManifest _manifest;
    private readonly RunOptions _run = new();
    private readonly OrtMemoryInfo _memory;
    private readonly OrtAllocator _allocator;
    private readonly Stack<IDisposable> _owned = new();
    private readonly Dictionary<MapShape, OrtValue[]> _maps = [];
    private readonly Dictionary<(int Segment, int Slot, int Kept), OrtIoBinding> _bindings = [];
    private readonly float[] _image;
    private readonly float[] _effort = new float[1];
    private readonly float[] _layerScale = new float[1];
    private readonly float[] _logits;
    private readonly float[][] _layers;
    private readonly float[][] _channels;
    private readonly long[] _keep;
    private readonly float[] _scales;
    private readonly OrtValue _imageValue;
    private readonly OrtValue _effortValue;
    private readonly OrtValue _layerScaleValue;
    private readonly OrtValue _logitsValue;
    private readonly OrtValue[] _layerValues;
    private readonly OrtValue[] _channelValues;
    private readonly OrtValue?[] _keepValues;
    private readonly OrtValue?[] _scaleValues;
    private MapShape _shape;
    private int _slot;

    public OnnxLane(OnnxExecutor executor)
    {
        _executor = executor;
        _manifest = executor.Manifest;
        _memory = Own(OnnxSessions.Memory(executor.DeviceOf));
        _allocator = Own(new OrtAllocator(executor.Stem, _memory));
        _shape = _manifest.Stem.Output;
        InputSpec input = _manifest.Input;
        (_image, _imageValue) = HostTensor(input.Length, 1, 3, input.Height, input.Width);
        _effortValue = HostTensor(_effort, 1, 1);
        _layerScaleValue = HostTensor(_layerScale, 1, 1);
        (_logits, _logitsValue) = HostTensor(_manifest.Labels.Count, 1, _manifest.Labels.Count);
        _layers = new float[_manifest.Spans.Count][];
        _channels = new float[_manifest.Spans.Count][];
        _layerValues = new OrtValue[_manifest.Spans.Count];
        _channelValues = new OrtValue[_manifest.Spans.Count];
        for (int i = 0; i < _manifest.Spans.Count; i++)
        {
            SpanSpec span = _manifest.Spans[i];
            int width = _manifest.Blocks.Skip(span.FirstBlock).Take(span.Blocks).Sum(block => block.Channels);
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
    }

    public void Stem(ReadOnlySpan<float> image)
    {
        image.CopyTo(_image);
        _shape = _manifest.Stem.Output;
        _slot = 0;
        Run(_executor.Stem, Segments.Stem, 0, static (lane, binding, _) =>
        {
            binding.BindInput("image", lane._imageValue);
            binding.BindOutput("y", lane._maps[lane._shape][0]);
        });
    }

    public void Gate(int span, float effort, Span<float> layers, Span<float> channels)
    {
        _effort[0] = effort;
        Run(_executor.Gates[span], Segments.Gate(span), 0, static (lane, binding, segment) =>
        {
            int index = Segments.Index(segment);
            binding.BindInput("x", lane.Current);
            binding.BindInput("effort", lane._effortValue);
            binding.BindOutput("layers", lane._layerValues[index]);
            binding.BindOutput("channels", lane._channelValues[index]);
        });
        _layers[span].CopyTo(layers);
        _channels[span].CopyTo(channels);
    }

    public void Block(int block, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale)
    {
        keep.CopyTo(_keep);
        channelScales.CopyTo(_scales);
        _layerScale[0] = layerScale;
        Run(_executor.Blocks[block], Segments.Block(block), keep.Length, static (lane, binding, segment) =>
        {
            int index = Segments.Index(segment);
            int kept = lane._binding;
            binding.BindInput("x", lane.Current);
            binding.BindInput("keep", lane._keepValues[kept] ??= lane.HostTensor(lane._keep, kept));
            binding.BindInput("channel_scale", lane._scaleValues[kept] ??= lane.HostTensor(lane._scales, 1, kept));
            binding.BindInput("layer_scale", lane._layerScaleValue);
            binding.BindOutput("y", lane.Next(index));
        });
        Advance(block);
    }

    public void Shortcut(int block)
    {
        Run(_executor.Shortcuts[block]!, Segments.Shortcut(block), 0, static (lane, binding, segment) =>
        {
            binding.BindInput("x", lane.Current);
            binding.BindOutput("y", lane.Next(Segments.Index(segment)));
        });
        Advance(block);
    }

    public void Head(Span<float> logits)
    {
        Run(_executor.Head, Segments.Head, 0, static (lane, binding, _) =>
        {
            binding.BindInput("x", lane.Current);
            binding.BindOutput("logits", lane._logitsValue);
        });
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

    // Number of kept channels of the binding that is being made; a field so that the makers need not capture anything.
    private int _binding;

    private OrtValue Current => _maps[_shape][_slot];

    private OrtValue Next(int block) => _maps[_manifest.Blocks[block].Output][NextSlot(block)];

    private int NextSlot(int block) => _manifest.Blocks[block].Output == _shape ? 1 - _slot : 0;

    private void Advance(int block)
    {
        _slot = NextSlot(block);
        _shape = _manifest.Blocks[block].Output;
    }

    private void Run(InferenceSession session, int segment, int kept, Action<OnnxLane, OrtIoBinding, int> bind)
    {
        if (!_bindings.TryGetValue((segment, _slot, kept), out OrtIoBinding? binding))
        {
            binding = Own(session.CreateIoBinding());
            _binding = kept;
            bind(this, binding, segment);
            _bindings.Add((segment, _slot, kept), binding);
        }

        session.RunWithBinding(_run, binding);
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

    // Segments as numbers, so that a binding's key is a value without allocation.
    private static class Segments
    {
        public const int Stem = 0;
        public const int Head = 1;

        public static int Gate(int span) => 2 + (span * 3);

        public static int Block(int block) => 3 + (block * 3);

        public static int Shortcut(int block) => 4 + (block * 3);

        public static int Index(int segment) => (segment - 2) / 3;
    }
}
