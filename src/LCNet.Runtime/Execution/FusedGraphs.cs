using System.Runtime.InteropServices;
using Google.Protobuf;
using LCNet.Bundles.Onnx;

namespace LCNet.Runtime.Execution;

/// <summary>
/// Rewrites graphs in memory for a device on which the number of operations counts: a GPU starts each of them by itself, which takes longer than a small one runs. Bundles are as they were.
/// </summary>
internal static class FusedGraphs
{
    /// <summary>
    /// Input of a <see cref="WholeBlock"/>: float [N, channels + <see cref="BiasChannels"/>], the scale of each channel times that of the branch; behind them that of the branch, then zeros.
    /// </summary>
    public const string LastScale = "last_scale";

    /// <summary>Input of a graph of <see cref="Gather"/>: the rows, int64 [N].</summary>
    public const string Rows = "rows";

    /// <summary>
    /// Channels that a <see cref="WholeBlock"/> has in front of its last convolution besides its own: one of ones, whose weights are that convolution's bias, so that the scale of the branch reaches it,
    /// and zeros up to a multiple of four, as matrix units take four floats at a time.
    /// </summary>
    public const int BiasChannels = 4;

    private const string Microsoft = "com.microsoft";

    /// <summary>Makes one node of each convolution with its ReLU, and of each with its addition and ReLU.</summary>
    /// <param name="model">An ONNX model.</param>
    /// <exception cref="InvalidProtocolBufferException">It is no ONNX model.</exception>
    /// <exception cref="InvalidDataException">It has no graph.</exception>
    public static byte[] Fuse(byte[] model) => Rewrite(model, _ => { });

    /// <summary>
    /// Makes a block that runs at its whole width, with constant weights: what an image does not keep is scaled by 0. Its inputs are <c>x</c>, <see cref="LastScale"/> and, for a bottleneck, <c>channel_scale</c>.
    /// </summary>
    /// <param name="model">A block's graph as <c>lcnet</c> writes it.</param>
    /// <exception cref="InvalidProtocolBufferException">It is no ONNX model.</exception>
    /// <exception cref="InvalidDataException">It is of another form.</exception>
    public static byte[] WholeBlock(byte[] model) => Rewrite(model, graph =>
    {
        KeepAll(graph);
        FoldBranchScale(graph);
    });

    /// <summary>Makes a graph that gathers rows: of <c>x</c>, of any shape of four dimensions, those of <see cref="Rows"/>, as <c>y</c>.</summary>
    public static byte[] Gather()
    {
        var graph = new GraphProto { Name = "gather" };
        graph.Input.Add(Value("x", TensorProto.Types.DataType.Float, "slots", "c", "h", "w"));
        graph.Input.Add(Value(Rows, TensorProto.Types.DataType.Int64, "N"));
        graph.Output.Add(Value("y", TensorProto.Types.DataType.Float, "N", "c", "h", "w"));
        graph.Node.Add(new NodeProto
        {
            OpType = "Gather",
            Name = "y",
            Input = { "x", Rows },
            Output = { "y" },
            Attribute = { new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int } },
        });
        var model = new ModelProto { IrVersion = 8, ProducerName = "lcnet", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        return model.ToByteArray();
    }

    /// <summary>How many operations of a device a graph comes to: its nodes, except those that only say how constants and shapes are to be read.</summary>
    /// <exception cref="InvalidProtocolBufferException">It is no ONNX model.</exception>
    public static int CountOperations(byte[] model) =>
        ModelProto.Parser.ParseFrom(model).Graph?.Node.Count(node => node.OpType is not ("Unsqueeze" or "Flatten" or "Cast")) ?? 0;

    private static byte[] Rewrite(byte[] model, Action<GraphProto> change)
    {
        var parsed = ModelProto.Parser.ParseFrom(model);
        change(parsed.Graph ?? throw new InvalidDataException("has no graph"));
        if (FuseConvolutions(parsed.Graph))
        {
            parsed.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        }

        return parsed.ToByteArray();
    }

    private static bool FuseConvolutions(GraphProto graph)
    {
        bool isFused = false;
        foreach (NodeProto relu in graph.Node.Where(node => node.OpType == "Relu").ToArray())
        {
            NodeProto? made = MadeFor(graph, relu.Input[0]);
            string? added = null;
            if (made?.OpType == "Add")
            {
                NodeProto sum = made;
                (made, added) = MadeFor(graph, sum.Input[1]) is { OpType: "Conv" } second ? (second, sum.Input[0]) : (MadeFor(graph, sum.Input[0]), sum.Input[1]);
                if (made?.OpType != "Conv" || graph.Initializer.Any(constant => constant.Name == added))
                {
                    continue;
                }

                // What it adds may be made behind it.
                graph.Node.Remove(made);
                graph.Node[graph.Node.IndexOf(sum)] = made;
            }
            else if (made?.OpType != "Conv")
            {
                continue;
            }

            (made.OpType, made.Domain) = ("FusedConv", Microsoft);
            made.Attribute.Add(new AttributeProto { Name = "activation", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("Relu") });
            if (added is not null)
            {
                made.Input.AddRange(Enumerable.Repeat(string.Empty, 3 - made.Input.Count));
                made.Input.Add(added);
            }

            made.Output[0] = relu.Output[0];
            graph.Node.Remove(relu);
            isFused = true;
        }

        return isFused;
    }

    // All channels, in their order, instead of those of an input.
    private static void KeepAll(GraphProto graph)
    {
        foreach (NodeProto gather in graph.Node.Where(node => node.OpType == "Gather" && node.Input[1] == "keep").ToArray())
        {
            Replace(graph, gather.Output[0], gather.Input[0]);
            graph.Node.Remove(gather);
        }

        graph.Input.Remove(InputOf(graph, "keep"));
        Require(graph.Node.All(node => !node.Input.Contains("keep")), "keep is read by something else than a Gather");
    }

    // The last convolution is linear, so the branch's scale is one of what it reads; its bias has to be scaled with it.
    private static void FoldBranchScale(GraphProto graph)
    {
        ValueInfoProto layerScale = InputOf(graph, "layer_scale");
        NodeProto layerMap = ReaderOf(graph, "layer_scale", "Unsqueeze");
        NodeProto channelMap = ReaderOf(graph, "channel_scale", "Unsqueeze");
        NodeProto branch = ReaderOf(graph, layerMap.Output[0], "Mul");
        NodeProto last = Made(graph, branch.Input.Single(input => input != layerMap.Output[0]), "Conv");
        NodeProto scaled = Made(graph, last.Input[0], "Mul");
        NodeProto inner = Made(graph, Made(graph, scaled.Input.Single(input => input != channelMap.Output[0]), "Relu").Input[0], "Conv");
        NodeProto sum = ReaderOf(graph, branch.Output[0], "Add");
        int channels = AddBiasChannels(graph, inner, last, MadeFor(graph, sum.Input.Single(input => input != branch.Output[0])));

        NodeProto lastMap = channelMap.Clone();
        (lastMap.Name, lastMap.Input[0], lastMap.Output[0]) = (LastScale + "_map", LastScale, LastScale + "_map");
        graph.Node.Insert(0, lastMap);
        scaled.Input[scaled.Input.IndexOf(channelMap.Output[0])] = lastMap.Output[0];
        ValueInfoProto lastScale = InputOf(graph, "channel_scale").Clone();
        lastScale.Name = LastScale;
        lastScale.Type.TensorType.Shape.Dim[1] = new TensorShapeProto.Types.Dimension { DimValue = channels };
        graph.Input.Add(lastScale);

        Replace(graph, branch.Output[0], last.Output[0]);
        graph.Node.Remove(branch);
        graph.Node.Remove(layerMap);
        graph.Input.Remove(layerScale);
        if (graph.Node.All(node => !node.Input.Contains(channelMap.Output[0])))
        {
            graph.Node.Remove(channelMap);
            graph.Input.Remove(InputOf(graph, "channel_scale"));
        }
    }

    // Returns how many channels there are between the two. A projection's bias is added with the last convolution's, where it costs nothing.
    private static int AddBiasChannels(GraphProto graph, NodeProto inner, NodeProto last, NodeProto? projection)
    {
        (float[] weights, long[] shape) = TakeConstant(graph, inner.Input[1]);
        (float[] bias, _) = TakeConstant(graph, inner.Input[2]);
        (float[] lastWeights, long[] lastShape) = TakeConstant(graph, last.Input[1]);
        (float[] lastBias, _) = TakeConstant(graph, last.Input[2]);
        int channels = bias.Length;
        int taps = lastShape is [_, _, long height, long width] && lastShape[1] == channels && height == width ? (int)(height * width) : 0;
        Require(taps % 2 == 1 && shape is [long outputs, _, _, _] && outputs == channels && lastBias.Length == lastShape[0], "its convolutions do not fit each other");

        Array.Resize(ref weights, weights.Length / channels * (channels + BiasChannels));
        Array.Resize(ref bias, channels + BiasChannels);
        bias[channels] = 1;
        float[] wide = new float[lastBias.Length * (channels + BiasChannels) * taps];
        for (int output = 0; output < lastBias.Length; output++)
        {
            Span<float> row = wide.AsSpan(output * (channels + BiasChannels) * taps);
            lastWeights.AsSpan(output * channels * taps, channels * taps).CopyTo(row);

            // The tap in the middle never reads padding.
            row[(channels * taps) + (taps / 2)] = lastBias[output];
        }

        long all = channels + BiasChannels;
        AddConstant(graph, inner.Input[1], weights, [all, .. shape.Skip(1)]);
        AddConstant(graph, inner.Input[2], bias, [all]);
        AddConstant(graph, last.Input[1], wide, [lastShape[0], all, .. lastShape.Skip(2)]);
        float[] added = new float[lastBias.Length];
        if (projection is { OpType: "Conv", Input.Count: 3 })
        {
            (added, _) = TakeConstant(graph, projection.Input[2]);
            Require(added.Length == lastBias.Length, "its projection has other outputs");
            projection.Input.RemoveAt(2);
        }

        AddConstant(graph, last.Input[2], added, [added.Length]);
        return (int)all;
    }

    private static void Replace(GraphProto graph, string read, string by)
    {
        foreach (NodeProto node in graph.Node)
        {
            for (int i = 0; i < node.Input.Count; i++)
            {
                node.Input[i] = node.Input[i] == read ? by : node.Input[i];
            }
        }
    }

    // The node that makes a value which one node reads, once; null for any other value.
    private static NodeProto? MadeFor(GraphProto graph, string value) =>
        graph.Node.Sum(node => node.Input.Count(input => input == value)) == 1 && graph.Output.All(output => output.Name != value)
            ? graph.Node.FirstOrDefault(node => node.Output.Contains(value))
            : null;

    private static NodeProto Made(GraphProto graph, string value, string operation) =>
        MadeFor(graph, value) is { } node && node.OpType == operation ? node : throw Other($"{value} is not made by a {operation} for one reader");

    private static NodeProto ReaderOf(GraphProto graph, string value, string operation) =>
        graph.Node.Where(node => node.Input.Contains(value)).ToArray() is [{ } node] && node.OpType == operation ? node : throw Other($"{value} is not read by one {operation}");

    private static ValueInfoProto InputOf(GraphProto graph, string name) =>
        graph.Input.FirstOrDefault(input => input.Name == name) is { Type.TensorType.Shape: not null } input ? input : throw Other($"it has no input {name} of a known shape");

    // A constant of floats, or one in half precision with the node that widens it; taken out of the graph.
    private static (float[] Values, long[] Shape) TakeConstant(GraphProto graph, string name)
    {
        if (MadeFor(graph, name) is { OpType: "Cast" } cast)
        {
            graph.Node.Remove(cast);
            name = cast.Input[0];
        }

        TensorProto? constant = graph.Initializer.FirstOrDefault(tensor => tensor.Name == name);
        float[]? values = constant?.DataType switch
        {
            TensorProto.Types.DataType.Float => MemoryMarshal.Cast<byte, float>(constant.RawData.Span).ToArray(),
            TensorProto.Types.DataType.Float16 => Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(constant.RawData.Span).ToArray(), value => (float)value),
            _ => null,
        };
        Require(values is not null && values.Length == constant!.Dims.Aggregate(1L, (product, length) => product * length), $"{name} is no constant of floats in raw form");
        graph.Initializer.Remove(constant);
        return (values!, [.. constant!.Dims]);
    }

    private static void AddConstant(GraphProto graph, string name, float[] values, long[] shape)
    {
        var constant = new TensorProto { Name = name, DataType = TensorProto.Types.DataType.Float, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };
        constant.Dims.AddRange(shape);
        graph.Initializer.Add(constant);
    }

    private static ValueInfoProto Value(string name, TensorProto.Types.DataType type, params string[] dimensions)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(dimensions.Select(dimension => new TensorShapeProto.Types.Dimension { DimParam = dimension }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = type, Shape = shape } } };
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds)
        {
            throw Other(problem);
        }
    }

    private static InvalidDataException Other(string problem) => new($"is not of the form that lcnet writes: {problem}");
}
