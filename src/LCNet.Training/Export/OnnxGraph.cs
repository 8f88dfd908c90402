using System.Runtime.InteropServices;
using Google.Protobuf;
using LCNet.Bundles.Onnx;
using TorchSharp;

namespace LCNet.Training.Export;

/// <summary>Builds one ONNX graph of float tensors and writes it as a file.</summary>
internal sealed class OnnxGraph
{
    /// <summary>The symbolic name of the batch dimension.</summary>
    public const string Batch = "N";

    private const long IrVersion = 8;
    private const long Opset = 17;
    private readonly GraphProto _graph;
    private readonly HashSet<string> _initializers = [];

    private readonly bool _half;

    /// <summary>Begins a graph without nodes.</summary>
    /// <param name="half">Whether weights are stored in half precision.</param>
    public OnnxGraph(string name, bool half = false)
    {
        _graph = new GraphProto { Name = name };
        _half = half;
    }

    /// <summary>Declares an input; a dimension is a number or a symbolic name.</summary>
    public string Input(string name, TensorProto.Types.DataType type, params object[] shape)
    {
        _graph.Input.Add(Value(name, type, shape));
        return name;
    }

    /// <summary>Declares an output, which a node must write.</summary>
    public void Output(string name, params object[] shape) =>
        _graph.Output.Add(Value(name, TensorProto.Types.DataType.Float, shape));

    /// <summary>Adds a constant.</summary>
    public string Constant(string name, torch.Tensor tensor)
    {
        using torch.Tensor contiguous = tensor.cpu().contiguous();
        return Constant(name, MemoryMarshal.AsBytes(contiguous.data<float>().ToArray().AsSpan()), TensorProto.Types.DataType.Float, tensor.shape);
    }

    /// <summary>Adds weights: a constant, which is stored in half precision and widened by a node in front where the graph is told so.</summary>
    public string Weight(string name, torch.Tensor tensor)
    {
        if (!_half)
        {
            return Constant(name, tensor);
        }

        using torch.Tensor contiguous = tensor.cpu().contiguous();
        Half[] values = [.. contiguous.data<float>().ToArray().Select(value => (Half)value)];
        string stored = Constant(name + "_half", MemoryMarshal.AsBytes(values.AsSpan()), TensorProto.Types.DataType.Float16, tensor.shape);
        return Node("Cast", name, [stored], "to", (long)TensorProto.Types.DataType.Float);
    }

    /// <summary>Adds a constant vector of integers; the same name twice is the same constant.</summary>
    public string Constant(string name, params long[] values) =>
        Constant(name, MemoryMarshal.AsBytes(values.AsSpan()), TensorProto.Types.DataType.Int64, [values.Length]);

    /// <summary>Adds a constant scalar.</summary>
    public string Scalar(string name, float value) =>
        Constant(name, MemoryMarshal.AsBytes([value]), TensorProto.Types.DataType.Float, []);

    /// <summary>Adds a node with one output, which gets the node's name.</summary>
    public string Node(string operation, string name, IEnumerable<string> inputs, params (string Name, long[] Values)[] attributes)
    {
        var node = new NodeProto { OpType = operation, Name = name };
        node.Input.AddRange(inputs);
        node.Output.Add(name);
        foreach ((string key, long[] values) in attributes)
        {
            var attribute = new AttributeProto { Name = key, Type = AttributeProto.Types.AttributeType.Ints };
            attribute.Ints.AddRange(values);
            node.Attribute.Add(attribute);
        }

        _graph.Node.Add(node);
        return name;
    }

    /// <summary>Adds a node whose one attribute is a single integer.</summary>
    public string Node(string operation, string name, IEnumerable<string> inputs, string attribute, long value)
    {
        Node(operation, name, inputs);
        _graph.Node[^1].Attribute.Add(new AttributeProto { Name = attribute, Type = AttributeProto.Types.AttributeType.Int, I = value });
        return name;
    }

    /// <summary>Writes the file.</summary>
    public void Save(string path)
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "lcnet", Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = string.Empty, Version = Opset });
        using FileStream file = File.Create(path);
        model.WriteTo(file);
    }

    private static ValueInfoProto Value(string name, TensorProto.Types.DataType type, object[] shape)
    {
        var dimensions = new TensorShapeProto();
        foreach (object dimension in shape)
        {
            dimensions.Dim.Add(dimension is string symbol
                ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dimension, System.Globalization.CultureInfo.InvariantCulture) });
        }

        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = type, Shape = dimensions } },
        };
    }

    private string Constant(string name, ReadOnlySpan<byte> bytes, TensorProto.Types.DataType type, long[] shape)
    {
        if (_initializers.Add(name))
        {
            var tensor = new TensorProto { Name = name, DataType = type, RawData = ByteString.CopyFrom(bytes) };
            tensor.Dims.AddRange(shape);
            _graph.Initializer.Add(tensor);
        }

        return name;
    }
}
