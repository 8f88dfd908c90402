using System.Runtime.InteropServices;
using Google.Protobuf;
using LCNet.Bundles.Onnx;
using LCNet.Training.Networks;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Import;

/// <summary>How an exporter writes what is the same network.</summary>
internal sealed record OnnxStyle
{
    /// <summary>Whether batch norm stands behind convolutions as a node of its own.</summary>
    public bool HasBatchNorm { get; init; } = true;

    /// <summary>Whether padding stands in front of strided windows as a node of its own (Keras).</summary>
    public bool HasPadNodes { get; init; }

    /// <summary>Whether strided windows have no padding behind (CNTK).</summary>
    public bool IsAsymmetric { get; init; }

    /// <summary>Whether the classifier is MatMul and Add instead of Gemm.</summary>
    public bool HasMatMul { get; init; }

    /// <summary>Whether there is a classifier.</summary>
    public bool HasHead { get; init; } = true;

    /// <summary>Whether the image enters as [N, H, W, 3] in 0 … 255 and is normalised by the graph.</summary>
    public bool IsRaw { get; init; }

    /// <summary>Whether weights are 16-bit.</summary>
    public bool IsHalf { get; init; }

    /// <summary>Whether constants are nodes, seen through an Identity.</summary>
    public bool HasConstantNodes { get; init; }

    /// <summary>Whether weights lie in a file beside the model.</summary>
    public bool IsExternal { get; init; }

    /// <summary>Whether convolutions are padded by auto_pad.</summary>
    public bool IsSame { get; init; }

    /// <summary>IR version and opset.</summary>
    public (int Ir, int Opset) Version { get; init; } = (8, 17);
}

/// <summary>Writes a network's backbone as exporters write ResNets. Nothing of it is shared with the export of bundles.</summary>
internal sealed class OnnxWriter
{
    public static readonly float[] Mean = [123.7f, 116.3f, 103.5f];
    public static readonly float[] Std = [58.4f, 57.1f, 57.4f];

    private readonly OnnxStyle _style;
    private readonly Dictionary<string, Tensor> _state;
    private readonly LcNet _network;
    private readonly string _path;
    private readonly List<byte> _external = [];
    private int _count;

    private OnnxWriter(LcNet network, string path, OnnxStyle style)
    {
        (_network, _path, _style) = (network, path, style);
        _state = network.state_dict();
    }

    public ModelProto Model { get; } = new() { Graph = new GraphProto { Name = "net" } };

    /// <summary>Writes the file.</summary>
    /// <param name="network">Its backbone is written.</param>
    /// <param name="path">Where.</param>
    /// <param name="style">How.</param>
    /// <param name="change">What is changed before it is written, if anything.</param>
    public static void Write(LcNet network, string path, OnnxStyle style, Action<ModelProto>? change = null)
    {
        using var scope = NewDisposeScope();
        var writer = new OnnxWriter(network, path, style);
        writer.Build();
        change?.Invoke(writer.Model);
        File.WriteAllBytes(path, writer.Model.ToByteArray());
    }

    private void Build()
    {
        ResNetSpec spec = _network.Spec;
        Model.IrVersion = _style.Version.Ir;
        Model.OpsetImport.Add(new OperatorSetIdProto { Version = _style.Version.Opset });
        long size = spec.InputSize;
        Model.Graph.Input.Add(Value("image", _style.IsRaw ? [1, size, size, 3] : [1, 3, size, size]));
        string x = _style.IsRaw ? Normalise() : "image";
        bool hasPool = spec.Stem == StemKind.ImageNet;
        x = Relu(Convolution("_stem", x, hasPool ? 7 : 3, hasPool ? 2 : 1));
        if (hasPool)
        {
            x = Window("MaxPool", x, 3, 2);
        }

        for (int i = 0; i < _network.Blocks.Count; i++)
        {
            BlockShape shape = _network.Blocks[i].Shape;
            string block = $"_blocks.{i}.";
            bool isBottleneck = spec.Kind == BlockKind.Bottleneck;
            string h = isBottleneck
                ? Relu(Convolution(block + "_first", x, 1, shape.StridesFirst ? shape.Stride : 1))
                : Relu(Convolution(block + "_first", x, 3, shape.Stride));
            if (isBottleneck)
            {
                h = Relu(Convolution(block + "_middle", h, 3, shape.StridesFirst ? 1 : shape.Stride));
            }

            h = Convolution(block + "_last", h, isBottleneck ? 1 : 3, 1);
            string shortcut = shape.IdentityShortcut ? x : Convolution(block + "_projection", x, 1, shape.Stride);
            x = Relu(Node("Add", [h, shortcut]));
        }

        x = Node("GlobalAveragePool", [x]);
        if (_style.HasHead)
        {
            x = Node("Flatten", [x]);
            x = _style.HasMatMul
                ? Node("Add", [Node("MatMul", [x, Constant(_state["_head.weight"].t().contiguous())]), Constant(_state["_head.bias"])])
                : Node("Gemm", [x, Constant(_state["_head.weight"]), Constant(_state["_head.bias"])], ("transB", 1));
        }

        Model.Graph.Output.Add(new ValueInfoProto { Name = x, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = TensorProto.Types.DataType.Float } } });
        if (_style.IsExternal)
        {
            File.WriteAllBytes(_path + ".data", [.. _external]);
        }
    }

    private string Normalise()
    {
        string x = Node("Transpose", ["image"], ("perm", new long[] { 0, 3, 1, 2 }));
        x = Node("Sub", [x, Constant(tensor(Mean).reshape(1, 3, 1, 1))]);
        return Node("Div", [x, Constant(tensor(Std).reshape(1, 3, 1, 1))]);
    }

    private string Relu(string x) => Node("Relu", [x]);

    private string Convolution(string name, string x, int kernel, int stride)
    {
        Tensor weight = _state[$"{name}._conv.weight"];
        Tensor gamma = _state[$"{name}._norm.weight"];
        Tensor beta = _state[$"{name}._norm.bias"];
        Tensor mean = _state[$"{name}._norm.running_mean"];
        Tensor variance = _state[$"{name}._norm.running_var"];
        if (_style.HasBatchNorm)
        {
            // Another epsilon than ours, and the variance that makes up for it.
            string y = Window("Conv", x, kernel, stride, Constant(weight));
            return Node("BatchNormalization", [y, Constant(gamma), Constant(beta), Constant(mean), Constant(variance - 1e-3 + 1e-5)], ("epsilon", 1e-3f));
        }

        Tensor scale = gamma / sqrt(variance + 1e-5);
        return Window("Conv", x, kernel, stride, Constant(weight * scale.reshape(-1, 1, 1, 1)), Constant(beta - (mean * scale)));
    }

    // A convolution or pool that is padded by half its kernel on every side, in one of the ways there are to say so.
    private string Window(string operation, string x, long kernel, long stride, params string[] weights)
    {
        long half = kernel / 2;
        long behind = _style.IsAsymmetric && stride == 2 && kernel > 1 ? half - 1 : half;
        List<(string, object)> attributes = [("kernel_shape", new[] { kernel, kernel }), ("strides", new[] { stride, stride })];
        if (_style.HasPadNodes && half > 0 && stride == 2)
        {
            x = Node("Pad", [x, Constant([0, 0, half, half, 0, 0, behind, behind])]);
        }
        else if (_style.IsSame && stride == 1)
        {
            attributes.Add(("auto_pad", "SAME_UPPER"));
        }
        else
        {
            attributes.Add(("pads", new[] { half, half, behind, behind }));
        }

        return Node(operation, [x, .. weights], [.. attributes]);
    }

    private string Node(string operation, string[] inputs, params (string Name, object Value)[] attributes)
    {
        string output = $"{operation}_{_count++}";
        var node = new NodeProto { OpType = operation, Name = output };
        node.Input.AddRange(inputs);
        node.Output.Add(output);
        foreach ((string name, object value) in attributes)
        {
            var attribute = new AttributeProto { Name = name };
            switch (value)
            {
                case long[] numbers:
                    attribute.Ints.AddRange(numbers);
                    attribute.Type = AttributeProto.Types.AttributeType.Ints;
                    break;
                case int number:
                    attribute.I = number;
                    attribute.Type = AttributeProto.Types.AttributeType.Int;
                    break;
                case float number:
                    attribute.F = number;
                    attribute.Type = AttributeProto.Types.AttributeType.Float;
                    break;
                default:
                    attribute.S = ByteString.CopyFromUtf8((string)value);
                    attribute.Type = AttributeProto.Types.AttributeType.String;
                    break;
            }

            node.Attribute.Add(attribute);
        }

        Model.Graph.Node.Add(node);
        return output;
    }

    private string Constant(long[] values) => Constant(TensorProto.Types.DataType.Int64, [values.Length], MemoryMarshal.AsBytes(values.AsSpan()));

    private string Constant(Tensor tensor)
    {
        float[] values = tensor.contiguous().data<float>().ToArray();
        if (!_style.IsHalf)
        {
            return Constant(TensorProto.Types.DataType.Float, tensor.shape, MemoryMarshal.AsBytes(values.AsSpan()));
        }

        Half[] half = [.. values.Select(value => (Half)value)];
        string stored = Constant(TensorProto.Types.DataType.Float16, tensor.shape, MemoryMarshal.AsBytes(half.AsSpan()));
        return Node("Cast", [stored], ("to", (int)TensorProto.Types.DataType.Float));
    }

    private string Constant(TensorProto.Types.DataType type, long[] shape, ReadOnlySpan<byte> bytes)
    {
        string name = $"constant_{_count++}";
        var tensor = new TensorProto { Name = name, DataType = type };
        tensor.Dims.AddRange(shape);
        if (_style.IsExternal && type == TensorProto.Types.DataType.Float)
        {
            tensor.DataLocation = TensorProto.Types.DataLocation.External;
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = Path.GetFileName(_path) + ".data" });
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{_external.Count}" });
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = $"{bytes.Length}" });
            _external.AddRange(bytes);
        }
        else
        {
            tensor.RawData = ByteString.CopyFrom(bytes);
        }

        if (!_style.HasConstantNodes)
        {
            Model.Graph.Initializer.Add(tensor);
            if (Model.IrVersion < 4)
            {
                Model.Graph.Input.Add(new ValueInfoProto { Name = name, Type = Value(name, shape).Type });
                Model.Graph.Input[^1].Type.TensorType.ElemType = type;
            }

            return name;
        }

        var node = new NodeProto { OpType = "Constant", Name = name };
        node.Output.Add(name);
        node.Attribute.Add(new AttributeProto { Name = "value", T = tensor, Type = AttributeProto.Types.AttributeType.Tensor });
        Model.Graph.Node.Add(node);
        return Node("Identity", [name]);
    }

    private static ValueInfoProto Value(string name, long[] shape)
    {
        var value = new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = TensorProto.Types.DataType.Float, Shape = new TensorShapeProto() } } };
        value.Type.TensorType.Shape.Dim.AddRange(shape.Select(size => new TensorShapeProto.Types.Dimension { DimValue = size }));
        return value;
    }
}
