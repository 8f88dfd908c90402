using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using LCNet.Bundles.Onnx;

namespace LCNet.Training.Import;

/// <summary>An ONNX graph to walk along: its nodes by what they read, and its constants by name.</summary>
internal sealed class OnnxFile
{
    private readonly Dictionary<string, TensorProto> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<NodeProto>> _consumers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _aliases = new(StringComparer.Ordinal);
    private readonly HashSet<string> _outputs;
    private readonly string _folder;

    private OnnxFile(ModelProto model, string folder)
    {
        _folder = folder;
        GraphProto graph = model.Graph;
        foreach (TensorProto tensor in graph.Initializer)
        {
            _constants[tensor.Name] = tensor;
        }

        _outputs = [.. graph.Output.Select(output => output.Name)];
        HashSet<string> given = [.. graph.Input.Select(input => input.Name), .. _constants.Keys, string.Empty];
        foreach (NodeProto node in graph.Node)
        {
            // The order that ONNX asks for, without which a walk could go in circles.
            if (node.Input.FirstOrDefault(input => !given.Contains(input)) is { } unknown)
            {
                throw new NotSupportedException($"{Describe(node)}: reads {unknown}, which nothing before it gives.");
            }

            given.UnionWith(node.Output);
            if (node.OpType == "Constant" && node.Attribute.FirstOrDefault(attribute => attribute.Name == "value") is { T: { } value })
            {
                _constants[node.Output[0]] = value;
            }
            else if (node.OpType is "Identity" or "Dropout" or "Cast")
            {
                _aliases[node.Output[0]] = Resolve(node.Input[0]);
                if (_constants.TryGetValue(Resolve(node.Input[0]), out TensorProto? same))
                {
                    _constants[node.Output[0]] = same;
                }
            }
            else
            {
                foreach (string input in node.Input.Select(Resolve).Distinct().Where(input => !_constants.ContainsKey(input)))
                {
                    if (!_consumers.TryGetValue(input, out List<NodeProto>? nodes))
                    {
                        _consumers[input] = nodes = [];
                    }

                    nodes.Add(node);
                }
            }
        }

        // Before IR version 4 constants are listed as inputs too.
        ValueInfoProto[] inputs = [.. graph.Input.Where(input => !_constants.ContainsKey(input.Name))];
        Input = inputs.Length == 1 ? inputs[0] : throw new NotSupportedException($"The graph has {inputs.Length} inputs, where a classifier has one image.");
    }

    /// <summary>The one input that is not a constant.</summary>
    public ValueInfoProto Input { get; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">An ONNX model; weights that it keeps in other files are read from its own folder.</param>
    /// <exception cref="InvalidDataException">It is no ONNX model.</exception>
    /// <exception cref="NotSupportedException">The graph has not one input.</exception>
    public static OnnxFile Read(string path)
    {
        ModelProto model;
        try
        {
            using FileStream stream = File.OpenRead(path);
            model = ModelProto.Parser.ParseFrom(stream);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new InvalidDataException($"{path}: no ONNX model: {exception.Message}", exception);
        }

        return model.Graph is { Node.Count: > 0 }
            ? new OnnxFile(model, Path.GetDirectoryName(Path.GetFullPath(path))!)
            : throw new InvalidDataException($"{path}: no ONNX model: it has no graph.");
    }

    /// <summary>Nodes that read a value.</summary>
    public IReadOnlyList<NodeProto> Consumers(string value) => _consumers.TryGetValue(Resolve(value), out List<NodeProto>? nodes) ? nodes : [];

    /// <summary>The one node that reads a value.</summary>
    /// <exception cref="NotSupportedException">There are none or several.</exception>
    public NodeProto Next(string value)
    {
        IReadOnlyList<NodeProto> nodes = Consumers(value);
        return nodes.Count == 1 ? nodes[0] : throw new NotSupportedException($"{value}: read by {nodes.Count} nodes, where one is expected{(nodes.Count > 0 ? $" ({string.Join(", ", nodes.Select(Describe))})" : string.Empty)}.");
    }

    /// <summary>Whether a value leaves the graph.</summary>
    public bool IsOutput(string value) => _outputs.Any(output => Resolve(output) == Resolve(value));

    /// <summary>The value that a name stands for, behind nodes that change nothing.</summary>
    public string Resolve(string value) => _aliases.GetValueOrDefault(value, value);

    /// <summary>A node in words.</summary>
    public static string Describe(NodeProto node) => $"{node.OpType} {(node.Name.Length > 0 ? node.Name : node.Output[0])}";

    /// <summary>The constant that a node reads.</summary>
    /// <returns>Null where it has no such input.</returns>
    /// <exception cref="NotSupportedException">The input is no constant, or of a type that is no number with a fraction.</exception>
    public ImportedTensor? Constant(NodeProto node, int input)
    {
        if (node.Input.Count <= input || node.Input[input].Length == 0)
        {
            return null;
        }

        return _constants.TryGetValue(Resolve(node.Input[input]), out TensorProto? tensor)
            ? new ImportedTensor(Floats(tensor, Describe(node)), [.. tensor.Dims.Select(size => (int)size)])
            : throw new NotSupportedException($"{Describe(node)}: its input {node.Input[input]} is computed, where a constant is expected.");
    }

    /// <summary>The constant that a node must read.</summary>
    /// <param name="length">How many values it must have; null for any number.</param>
    /// <exception cref="NotSupportedException">There is none, or it has another number of values.</exception>
    public ImportedTensor Required(NodeProto node, int input, int? length = null)
    {
        ImportedTensor tensor = Constant(node, input) ?? throw new NotSupportedException($"{Describe(node)}: has no input {input}.");
        return length is null || tensor.Values.Length == length
            ? tensor
            : throw new NotSupportedException($"{Describe(node)}: its input {node.Input[input]} has {tensor.Values.Length} values, where {length} are expected.");
    }

    /// <summary>The constant integers that a node reads; null where it has no such input, or that is no constant.</summary>
    public IReadOnlyList<long>? Integers(NodeProto node, int input) =>
        node.Input.Count > input && _constants.TryGetValue(Resolve(node.Input[input]), out TensorProto? tensor) && tensor.DataType == TensorProto.Types.DataType.Int64
            ? tensor.Int64Data.Count > 0 ? tensor.Int64Data : MemoryMarshal.Cast<byte, long>(Raw(tensor, Describe(node))).ToArray()
            : null;

    /// <summary>Whether a node's input is a constant.</summary>
    public bool IsConstant(NodeProto node, int input) => node.Input.Count > input && _constants.ContainsKey(Resolve(node.Input[input]));

    private float[] Floats(TensorProto tensor, string reader)
    {
        float[] values = tensor.DataType switch
        {
            TensorProto.Types.DataType.Float => tensor.FloatData.Count > 0 ? [.. tensor.FloatData] : MemoryMarshal.Cast<byte, float>(Raw(tensor, reader)).ToArray(),
            TensorProto.Types.DataType.Double => [.. (tensor.DoubleData.Count > 0 ? [.. tensor.DoubleData] : MemoryMarshal.Cast<byte, double>(Raw(tensor, reader)).ToArray()).Select(value => (float)value)],
            TensorProto.Types.DataType.Float16 => [.. Bits(tensor, reader).Select(bits => (float)BitConverter.UInt16BitsToHalf(bits))],
            TensorProto.Types.DataType.Bfloat16 => [.. Bits(tensor, reader).Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))],
            _ => throw new NotSupportedException($"{reader}: its constant {tensor.Name} is of type {(int)tensor.DataType}, no floating-point one (quantised networks cannot be imported)."),
        };
        long expected = tensor.Dims.Aggregate(1L, (product, size) => product * size);
        return values.Length == expected
            ? values
            : throw new InvalidDataException($"{reader}: its constant {tensor.Name} has {values.Length} values, and its shape {string.Join('×', tensor.Dims)} needs {expected}.");
    }

    private ushort[] Bits(TensorProto tensor, string reader) =>
        tensor.Int32Data.Count > 0 ? [.. tensor.Int32Data.Select(bits => (ushort)bits)] : MemoryMarshal.Cast<byte, ushort>(Raw(tensor, reader)).ToArray();

    private ReadOnlySpan<byte> Raw(TensorProto tensor, string reader)
    {
        if (tensor.DataLocation != TensorProto.Types.DataLocation.External)
        {
            return tensor.RawData.Span;
        }

        Dictionary<string, string> place = tensor.ExternalData.ToDictionary(entry => entry.Key, entry => entry.Value);
        string location = place.GetValueOrDefault("location", string.Empty);
        if (location.Length == 0 || Path.GetFileName(location) != location)
        {
            throw new NotSupportedException($"{reader}: its constant {tensor.Name} lies in '{location}', which is no file beside the model.");
        }

        string path = Path.Combine(_folder, location);
        using FileStream stream = File.OpenRead(path);
        long offset = Number(place, "offset", 0);
        long length = Number(place, "length", stream.Length - offset);
        if (offset < 0 || length < 0 || offset + length > stream.Length || length > Array.MaxLength)
        {
            throw new InvalidDataException($"{path}: {reader}'s constant {tensor.Name} lies beyond its end.");
        }

        byte[] bytes = new byte[length];
        stream.Position = offset;
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static long Number(Dictionary<string, string> place, string key, long otherwise) =>
        place.TryGetValue(key, out string? text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : otherwise;
}
