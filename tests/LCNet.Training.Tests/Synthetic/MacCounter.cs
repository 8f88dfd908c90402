using System.Runtime.InteropServices;
using LCNet.Bundles.Onnx;

namespace LCNet.Training.Tests.Synthetic;

/// <summary>
/// Counts multiply-accumulates of the convolutions and linear layers of an ONNX file, by walking the shapes of its tensors from the
/// inputs to the outputs. It knows nothing of networks, manifests or formulas.
/// </summary>
internal sealed class MacCounter
{
    private readonly Dictionary<string, long[]> _shapes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorProto> _constants = new(StringComparer.Ordinal);
    private long _count;

    private MacCounter(GraphProto graph, long kept)
    {
        foreach (TensorProto constant in graph.Initializer)
        {
            _constants.Add(constant.Name, constant);
            _shapes.Add(constant.Name, [.. constant.Dims]);
        }

        foreach (ValueInfoProto input in graph.Input)
        {
            _shapes.Add(input.Name, Declared(input, kept));
        }
    }

    /// <summary>Multiply-accumulates for one image.</summary>
    /// <param name="path">The ONNX file.</param>
    /// <param name="kept">What its symbolic dimension <c>k</c> stands for, where it has one.</param>
    public static long Count(string path, long kept = 0) => Count(File.ReadAllBytes(path), kept);

    /// <summary>Multiply-accumulates for one image.</summary>
    /// <param name="model">The ONNX model.</param>
    /// <param name="kept">What its symbolic dimension <c>k</c> stands for, where it has one.</param>
    public static long Count(byte[] model, long kept = 0)
    {
        GraphProto graph = ModelProto.Parser.ParseFrom(model).Graph;
        var counter = new MacCounter(graph, kept);
        foreach (NodeProto node in graph.Node)
        {
            counter._shapes.Add(Assert.Single(node.Output), counter.Visit(node));
        }

        Assert.All(graph.Output, output => Assert.Equal(Declared(output, kept), counter._shapes[output.Name]));
        return counter._count;
    }

    private static long[] Declared(ValueInfoProto value, long kept) =>
        [.. value.Type.TensorType.Shape.Dim.Select(dimension => dimension.DimParam switch
        {
            "" => dimension.DimValue,
            "N" => 1,
            "k" => kept,
            _ => throw new InvalidDataException($"{value.Name}: unknown dimension {dimension.DimParam}"),
        })];

    private static long[] Broadcast(long[] a, long[] b)
    {
        Assert.Equal(a.Length, b.Length);
        return [.. a.Zip(b, (x, y) => x == y || y == 1 ? x : x == 1 ? y : throw new InvalidDataException($"{x} against {y}"))];
    }

    private static long Integer(NodeProto node, string name, long missing) =>
        node.Attribute.SingleOrDefault(attribute => attribute.Name == name)?.I ?? missing;

    private static long[] Integers(NodeProto node, string name) => [.. node.Attribute.Single(attribute => attribute.Name == name).Ints];

    private long[] Shape(NodeProto node, int input) => _shapes[node.Input[input]];

    private long[] Visit(NodeProto node) => node.OpType switch
    {
        "Conv" => Convolution(node),
        "Gemm" => Linear(node),
        "Gather" => Gather(node),
        "Concat" => Concat(node),
        "Unsqueeze" => Unsqueeze(node),
        "Mul" or "Add" => Broadcast(Shape(node, 0), Shape(node, 1)),
        "Relu" or "Clip" => Shape(node, 0),
        "MaxPool" => Pool(node),
        "GlobalAveragePool" => [.. Shape(node, 0)[..2], 1, 1],
        "Flatten" => [Shape(node, 0)[0], Shape(node, 0)[1..].Aggregate((a, b) => a * b)],
        _ => throw new InvalidDataException($"{node.OpType}: what does it cost?"),
    };

    private long[] Convolution(NodeProto node)
    {
        long[] x = Shape(node, 0);
        long[] weight = Shape(node, 1);
        long[] strides = Integers(node, "strides");
        long[] pads = Integers(node, "pads");
        Assert.All(node.Attribute, attribute => Assert.Contains(attribute.Name, new[] { "strides", "pads", "kernel_shape" }));
        Assert.Equal(weight[2..], Integers(node, "kernel_shape"));
        Assert.Equal(x[1], weight[1]);
        Assert.Equal([weight[0]], Shape(node, 2));
        long height = ((x[2] + pads[0] + pads[2] - weight[2]) / strides[0]) + 1;
        long width = ((x[3] + pads[1] + pads[3] - weight[3]) / strides[1]) + 1;
        for (long output = 0; output < weight[0]; output++)
        {
            for (long input = 0; input < weight[1]; input++)
            {
                for (long y = 0; y < height; y++)
                {
                    _count += width * weight[2] * weight[3];
                }
            }
        }

        return [x[0], weight[0], height, width];
    }

    private long[] Pool(NodeProto node)
    {
        long[] x = Shape(node, 0);
        long[] kernel = Integers(node, "kernel_shape");
        long[] strides = Integers(node, "strides");
        long[] pads = Integers(node, "pads");
        Assert.All(node.Attribute, attribute => Assert.Contains(attribute.Name, new[] { "strides", "pads", "kernel_shape" }));
        return [x[0], x[1], ((x[2] + pads[0] + pads[2] - kernel[0]) / strides[0]) + 1, ((x[3] + pads[1] + pads[3] - kernel[1]) / strides[1]) + 1];
    }

    private long[] Linear(NodeProto node)
    {
        Assert.Equal(1, Integer(node, "transB", 0));
        long[] x = Shape(node, 0);
        long[] weight = Shape(node, 1);
        Assert.Equal(x[1], weight[1]);
        for (long output = 0; output < weight[0]; output++)
        {
            _count += x[0] * weight[1];
        }

        return [x[0], weight[0]];
    }

    private long[] Gather(NodeProto node)
    {
        long[] shape = [.. Shape(node, 0)];
        shape[Integer(node, "axis", 0)] = Assert.Single(Shape(node, 1));
        return shape;
    }

    private long[] Concat(NodeProto node)
    {
        long axis = Integer(node, "axis", 0);
        long[] shape = [.. Shape(node, 0)];
        shape[axis] = node.Input.Sum(input => _shapes[input][axis]);
        return shape;
    }

    private long[] Unsqueeze(NodeProto node)
    {
        List<long> shape = [.. Shape(node, 0)];
        foreach (long axis in MemoryMarshal.Cast<byte, long>(_constants[node.Input[1]].RawData.Span))
        {
            shape.Insert((int)axis, 1);
        }

        return [.. shape];
    }
}
