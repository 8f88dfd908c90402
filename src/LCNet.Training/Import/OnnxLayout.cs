using Google.Protobuf.Collections;
using LCNet.Bundles.Onnx;
using LCNet.Training.Data;

namespace LCNet.Training.Import;

/// <summary>
/// Makes a network of an ONNX graph by its structure: it walks from the image to the classifier and recognises stem, residual blocks and head by what
/// follows what, whatever the exporter called them.
/// </summary>
internal sealed partial class OnnxLayout
{
    private const float PixelRange = 255;

    private readonly OnnxFile _file;
    private readonly List<IReadOnlyList<ImportedBlock>> _stages = [];
    private readonly List<ImportedBlock> _stage = [];

    // Height and width of the value that the walk has come to; null while the graph does not say.
    private int? _size;
    private bool? _stridesFirst;

    private OnnxLayout(OnnxFile file) => _file = file;

    /// <summary>Makes a network.</summary>
    /// <exception cref="NotSupportedException">It is another kind of network; the message names the node that does not fit.</exception>
    public static ImportedNetwork Read(OnnxFile file) => new OnnxLayout(file).Walk();

    private ImportedNetwork Walk()
    {
        (string value, Normalisation? normalisation) = ReadInput();
        int? inputSize = _size;
        Layer stem = ReadConvolution(_file.Next(value), value);
        if (stem.Convolution.Kernel == 7 != (stem.Stride == 2))
        {
            throw new NotSupportedException($"{stem.Convolution.Name}: a stem of stride {stem.Stride}, where a 7×7 convolution has 2 and a 3×3 one has 1.");
        }

        value = Expect(stem.Output, "Relu").Output[0];
        if (stem.Convolution.Kernel == 7)
        {
            value = ReadMaxPool(value);
        }

        while (_file.Consumers(value).Count > 1)
        {
            value = ReadBlock(value);
        }

        EndStage();
        if (_stages.Count == 0)
        {
            throw new NotSupportedException($"{value}: no residual block follows the stem.");
        }

        ImportedHead? head = ReadHead(value);
        return new ImportedNetwork("ONNX", stem.Convolution, _stages, head) { InputSize = inputSize, Normalisation = normalisation, StridesFirst = _stridesFirst };
    }

    // Up to the first convolution: what stands there normalises pixels.
    private (string Value, Normalisation? Normalisation) ReadInput()
    {
        string value = _file.Input.Name;
        int[] sizes = [.. _file.Input.Type?.TensorType?.Shape?.Dim.Select(dimension => (int)dimension.DimValue) ?? []];
        bool isNhwc = sizes is [_, _, _, 3];
        if (sizes is [_, _, _, _])
        {
            (int height, int width) = isNhwc ? (sizes[1], sizes[2]) : (sizes[2], sizes[3]);
            if (height != width)
            {
                throw new NotSupportedException($"{value}: images of {width}×{height} pixels; only square ones can be imported.");
            }

            _size = height > 0 ? height : null;
        }

        float[] scale = [1, 1, 1];
        float[] shift = [0, 0, 0];
        bool isNormalised = false;
        for (NodeProto node = _file.Next(value); node.OpType is not ("Conv" or "Pad"); node = _file.Next(value))
        {
            if (node.OpType != "Transpose")
            {
                Apply(node, scale, shift);
                isNormalised = true;
            }

            value = node.Output[0];
        }

        // scale · x + shift = (x − mean) / std.
        float[] mean = [.. scale.Zip(shift, (s, b) => -b / s)];
        float[] std = [.. scale.Select(s => 1 / s)];
        float range = mean.Concat(std).Any(number => number > 2) ? PixelRange : 1;
        return (value, isNormalised ? new Normalisation([.. mean.Select(number => number / range)], [.. std.Select(number => number / range)]) : null);
    }

    private void Apply(NodeProto node, float[] scale, float[] shift)
    {
        int at = _file.IsConstant(node, 0) ? 0 : 1;
        bool isKnown = node.OpType is "Add" or "Mul" || (node.OpType is "Sub" or "Div" && at == 1);
        if (!isKnown || !_file.IsConstant(node, at))
        {
            throw new NotSupportedException($"{OnnxFile.Describe(node)}: in front of the first convolution, where only a mean and a scale a channel are understood.");
        }

        float[] values = _file.Required(node, at).Values;
        if (values.Length is not (1 or 3))
        {
            throw new NotSupportedException($"{OnnxFile.Describe(node)}: {values.Length} values in front of the first convolution, where one a channel is expected (of a mean image give the means of its channels).");
        }

        for (int channel = 0; channel < 3; channel++)
        {
            float number = values[channel % values.Length];
            float factor = node.OpType switch { "Mul" => number, "Div" => 1 / number, _ => 1 };
            scale[channel] *= factor;
            shift[channel] = (shift[channel] * factor) + (node.OpType switch { "Add" => number, "Sub" => -number, _ => 0 });
        }
    }

    private string ReadMaxPool(string value)
    {
        NodeProto node = _file.Next(value);
        (int before, int after) = TakePadding(ref node);
        if (node.OpType != "MaxPool" || Ints(node, "kernel_shape") is not [3, 3] || Ints(node, "strides") is not [2, 2])
        {
            throw new NotSupportedException($"{OnnxFile.Describe(node)}: behind a 7×7 convolution, where a 3×3 max pool of stride 2 is expected.");
        }

        CheckPadding(node, 3, 2, before, after);
        return node.Output[0];
    }

    private string ReadBlock(string value)
    {
        NodeProto[] consumers = [.. _file.Consumers(value)];
        int? size = _size;
        var paths = new List<(IReadOnlyList<Layer> Layers, NodeProto Sum)>();
        foreach (NodeProto consumer in consumers.Where(node => node.OpType is not ("Add" or "Sum")))
        {
            _size = size;
            paths.Add(ReadPath(consumer, value));
        }

        NodeProto sum = paths[0].Sum;
        (IReadOnlyList<Layer> Layers, NodeProto Sum)[] branches = [.. paths.Where(path => path.Layers.Count > 1)];
        bool isBlock = consumers.Length == 2 && branches.Length == 1 && paths.All(path => path.Sum == sum) && (paths.Count == 2 || consumers.Contains(sum));
        if (!isBlock)
        {
            throw new NotSupportedException($"{value}: read by {string.Join(" and ", consumers.Select(OnnxFile.Describe))}, which is no residual block: a branch of two or three convolutions, and the identity or one convolution, added.");
        }

        IReadOnlyList<Layer> layers = branches[0].Layers;
        Layer? projection = paths.Count == 2 ? paths.First(path => path.Layers.Count == 1).Layers[0] : null;
        int stride = layers.Aggregate(1, (product, layer) => product * layer.Stride);
        string name = OnnxFile.Describe(sum);
        if (projection is not null && projection.Stride != stride)
        {
            throw new NotSupportedException($"{name}: a branch of stride {stride}, and a shortcut of stride {projection.Stride}.");
        }

        if (stride == 2)
        {
            CheckStride(layers, name);

            // The stem is the first stage where the first block halves the resolution.
            EndStage();
            if (_stages.Count == 0)
            {
                _stages.Add([]);
            }
        }

        _stage.Add(new ImportedBlock(name, [.. layers.Select(layer => layer.Convolution)], projection?.Convolution));
        return Expect(sum.Output[0], "Relu").Output[0];
    }

    private void CheckStride(IReadOnlyList<Layer> layers, string name)
    {
        bool isFirst = layers[0].Stride == 2;
        if (!isFirst && !(layers.Count == 3 && layers[1].Stride == 2))
        {
            throw new NotSupportedException($"{name}: its stride lies in another convolution than the first one or a bottleneck's 3×3 one.");
        }

        bool stridesFirst = layers.Count == 3 && isFirst;
        if (_stridesFirst is not null && _stridesFirst != stridesFirst)
        {
            throw new NotSupportedException($"{name}: its stride lies in another convolution than those of the blocks before it.");
        }

        _stridesFirst = stridesFirst;
    }

    private void EndStage()
    {
        if (_stage.Count > 0)
        {
            _stages.Add([.. _stage]);
            _stage.Clear();
        }
    }

    // Convolutions with ReLUs between them, up to the sum.
    private (IReadOnlyList<Layer> Layers, NodeProto Sum) ReadPath(NodeProto node, string value)
    {
        var layers = new List<Layer>();
        while (true)
        {
            layers.Add(ReadConvolution(node, value));
            value = layers[^1].Output;
            node = _file.Next(value);
            if (node.OpType is "Add" or "Sum")
            {
                return (layers, node);
            }

            if (node.OpType != "Relu")
            {
                throw new NotSupportedException($"{OnnxFile.Describe(node)}: behind {layers[^1].Convolution.Name} in a residual block, where a ReLU or the sum is expected.");
            }

            value = node.Output[0];
            node = _file.Next(value);
        }
    }

    private NodeProto Expect(string value, params string[] operations)
    {
        NodeProto node = _file.Next(value);
        return operations.Contains(node.OpType)
            ? node
            : throw new NotSupportedException($"{OnnxFile.Describe(node)}: reads {value}, where {string.Join(" or ", operations)} is expected.");
    }

    private static RepeatedField<long> Ints(NodeProto node, string name) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.Ints ?? [];

    private static int? Int(NodeProto node, string name) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name) is { } attribute ? (int)attribute.I : null;

    private static float? Float(NodeProto node, string name) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.F;
}
