using System.Runtime.InteropServices;
using Google.Protobuf;
using LCNet.Bundles;
using LCNet.Bundles.Onnx;
using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>Reads the weights of one ONNX segment by what its nodes do, so that names are free.</summary>
internal sealed class OnnxWeights
{
    private readonly Bundle _bundle;
    private readonly string _file;
    private readonly GraphProto _graph;
    private readonly Dictionary<string, TensorProto> _constants;
    private readonly Dictionary<string, NodeProto> _producers;

    /// <summary>Parses a segment.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="operations">The operations that the graph must consist of, with repetitions, in any order.</param>
    /// <exception cref="BundleException">The graph is another; the message names the file.</exception>
    public OnnxWeights(Bundle bundle, string file, params string[] operations)
        : this(bundle, file, operations, [], 0)
    {
    }

    /// <summary>Parses a segment of which some operations may be there or not.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="operations">The operations that the graph must consist of, with repetitions, in any order.</param>
    /// <param name="optional">Operations that may be there besides, all of them together.</param>
    /// <exception cref="BundleException">The graph is another; the message names the file.</exception>
    public OnnxWeights(Bundle bundle, string file, string[] operations, string[] optional, int most)
    {
        _bundle = bundle;
        _file = file;
        try
        {
            _graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(bundle.PathOf(file))).Graph ?? throw Refusal("has no graph");
        }
        catch (Google.Protobuf.InvalidProtocolBufferException exception)
        {
            throw Refusal($"is no ONNX file: {exception.Message}");
        }

        _constants = Unique(_graph.Initializer, tensor => tensor.Name);
        WidenConstants();
        _producers = Unique(_graph.Node, node => node.Output.Count == 1 ? node.Output[0] : throw Refusal($"{node.Name} has {node.Output.Count} outputs; expected: 1"));
        foreach (NodeProto node in _graph.Node)
        {
            int least = node.OpType switch
            {
                "Conv" or "Gemm" => 3,
                "Gather" => 2,
                _ => 1,
            };
            if (node.Input.Count < least)
            {
                throw Refusal($"{node.Name}, a {node.OpType}, has {node.Input.Count} inputs; expected: {least}");
            }
        }

        string[] actual = [.. _graph.Node.Select(node => node.OpType).Order(StringComparer.Ordinal)];
        if (!Enumerable.Range(0, most + 1).Any(times => actual.SequenceEqual(operations.Concat(Enumerable.Repeat(optional, times).SelectMany(some => some)).Order(StringComparer.Ordinal))))
        {
            throw Refusal($"consists of {string.Join(", ", actual)}; the SIMD executor knows {string.Join(", ", operations)}");
        }
    }

    /// <summary>The convolution of stride 1 or 2 whose weights are gathered along these axes by <c>keep</c>; none for constant weights.</summary>
    /// <exception cref="BundleException">There is not exactly one, or it has another form.</exception>
    public Convolution Convolution(int outputs, int inputs, int kernel, params int[] gatheredAxes)
    {
        NodeProto[] found = [.. _graph.Node.Where(node => node.OpType == "Conv" && Source(node.Input[1]).Axes.SequenceEqual(gatheredAxes))];
        if (found.Length != 1)
        {
            throw Refusal($"has {found.Length} convolutions with weights gathered along the axes [{string.Join(", ", gatheredAxes)}]; expected: 1");
        }

        NodeProto node = found[0];
        int stride = node.Attribute.Any(attribute => attribute.Name == "strides" && attribute.Ints.SequenceEqual([2, 2])) ? 2 : 1;
        Require(node, "kernel_shape", kernel, kernel);
        Require(node, "strides", stride, stride);
        Require(node, "pads", kernel / 2, kernel / 2, kernel / 2, kernel / 2);
        if (node.Attribute.Count != 3)
        {
            throw Refusal($"{node.Name} has attributes besides kernel_shape, strides and pads");
        }

        return new Convolution(
            Floats(Source(node.Input[1]).Name, outputs, inputs, kernel, kernel), Floats(Source(node.Input[2]).Name, outputs), outputs, inputs, kernel, stride);
    }

    /// <summary>The linear layer behind an output of the graph: weights [outputs, inputs] and bias.</summary>
    /// <exception cref="BundleException">There is none of this form.</exception>
    public (float[] Weights, float[] Bias) Linear(string output, int outputs, int inputs)
    {
        NodeProto node = Gemm(output);
        return (Floats(node.Input[1], outputs, inputs), Floats(node.Input[2], outputs));
    }

    /// <summary>Units of the hidden layer, a linear one with a ReLU, ahead of the linear layer behind an output; 0 where there is none.</summary>
    /// <exception cref="BundleException">The output is not made by a linear layer.</exception>
    public int HiddenUnits(string output)
    {
        string? relu = HiddenRelu(output);
        return relu is null ? 0 : (int)(_constants.GetValueOrDefault(Gemm(relu).Input[2])?.Dims.FirstOrDefault() ?? 0);
    }

    /// <summary>The hidden layer ahead of the linear layer behind an output: weights [units, inputs] and bias.</summary>
    /// <exception cref="BundleException">There is none of this form.</exception>
    public (float[] Weights, float[] Bias) Hidden(string output, int units, int inputs)
    {
        NodeProto node = Gemm(HiddenRelu(output) ?? throw Refusal($"{output} has no hidden layer"));
        return (Floats(node.Input[1], units, inputs), Floats(node.Input[2], units));
    }

    // The Relu that the linear layer behind an output reads; null where it reads something else.
    private string? HiddenRelu(string output)
    {
        string input = Gemm(output).Input[0];
        return _producers.GetValueOrDefault(input)?.OpType == "Relu" ? input : null;
    }

    // The linear layer behind an output, what clamps it aside.
    private NodeProto Gemm(string output)
    {
        NodeProto? node = _producers.GetValueOrDefault(output);
        node = node?.OpType is "Clip" or "Relu" ? _producers.GetValueOrDefault(node.Input[0]) : node;
        if (node?.OpType != "Gemm" || node.Attribute.Count != 1 || node.Attribute[0] is not { Name: "transB", I: 1 })
        {
            throw Refusal($"{output} is not made by a Gemm with transB = 1");
        }

        return node;
    }

    // Weights that are stored in half precision: a constant and a node that widens it are a constant of floats.
    private void WidenConstants()
    {
        foreach (NodeProto node in _graph.Node.Where(node => node.OpType == "Cast").ToArray())
        {
            if (node.Input.Count == 1 && node.Output.Count == 1 && _constants.TryGetValue(node.Input[0], out TensorProto? half)
                && half.DataType == TensorProto.Types.DataType.Float16 && node.Attribute is [{ Name: "to", I: (long)TensorProto.Types.DataType.Float }])
            {
                Half[] values = MemoryMarshal.Cast<byte, Half>(half.RawData.Span).ToArray();
                var widened = new TensorProto
                {
                    Name = node.Output[0],
                    DataType = TensorProto.Types.DataType.Float,
                    RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(Array.ConvertAll(values, value => (float)value).AsSpan())),
                };
                widened.Dims.AddRange(half.Dims);
                if (!_constants.TryAdd(widened.Name, widened))
                {
                    throw Refusal($"has two values named {widened.Name}");
                }

                _graph.Node.Remove(node);
            }
        }
    }

    private Dictionary<string, T> Unique<T>(IEnumerable<T> items, Func<T, string> name)
    {
        var byName = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (T item in items)
        {
            if (!byName.TryAdd(name(item), item))
            {
                throw Refusal($"has two values named {name(item)}");
            }
        }

        return byName;
    }

    private (string Name, int[] Axes) Source(string tensor)
    {
        var axes = new List<int>();
        while (_producers.TryGetValue(tensor, out NodeProto? node) && node.OpType == "Gather" && node.Input[1] == "keep")
        {
            if (axes.Count == _producers.Count)
            {
                throw Refusal($"{node.Name} depends on itself");
            }

            axes.Insert(0, (int)(node.Attribute.FirstOrDefault(attribute => attribute.Name == "axis")?.I ?? 0));
            tensor = node.Input[0];
        }

        return (tensor, [.. axes]);
    }

    private float[] Floats(string name, params int[] shape)
    {
        if (!_constants.TryGetValue(name, out TensorProto? tensor) || tensor.DataType != TensorProto.Types.DataType.Float || tensor.RawData.IsEmpty)
        {
            throw Refusal($"{name} is not a constant of floats in raw form");
        }

        if (!tensor.Dims.SequenceEqual(shape.Select(length => (long)length)))
        {
            throw Refusal($"{name} is [{string.Join(", ", tensor.Dims)}]; expected: [{string.Join(", ", shape)}]");
        }

        return tensor.RawData.Length == sizeof(float) * shape.Aggregate(1L, (product, length) => product * length)
            ? MemoryMarshal.Cast<byte, float>(tensor.RawData.Span).ToArray()
            : throw Refusal($"{name} has {tensor.RawData.Length} bytes of values");
    }

    private void Require(NodeProto node, string name, params long[] expected)
    {
        if (!node.Attribute.Any(attribute => attribute.Name == name && attribute.Ints.SequenceEqual(expected)))
        {
            throw Refusal($"{node.Name}: {name} is not [{string.Join(", ", expected)}]");
        }
    }

    private BundleException Refusal(string problem) => new(_bundle.Folder, [$"{_file} {problem}"]);
}
