using LCNet.Bundles.Onnx;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Export;

/// <summary>The ONNX graphs of a network's segments. Batch norm is folded.</summary>
/// <param name="half">Whether the weights of convolutions and of the head are stored in half precision.</param>
internal sealed class SegmentGraphs(LcNet network, bool half)
{
    private const TensorProto.Types.DataType Float = TensorProto.Types.DataType.Float;

    public OnnxGraph Stem()
    {
        var graph = new OnnxGraph("stem", half);
        string image = ImageInput(graph);
        AddStem(graph, image, "y");
        graph.Output("y", OnnxGraph.Batch, network.Spec.Width, network.Spec.StemSize, network.Spec.StemSize);
        return graph;
    }

    public OnnxGraph Gate(int span)
    {
        (int first, int count) = network.Spec.Spans()[span];
        BlockShape entering = network.Blocks[first].Shape;
        int channels = network.Blocks.Skip(first).Take(count).Sum(block => block.Shape.InnerChannels);
        var graph = new OnnxGraph("gate");
        string x = graph.Input("x", Float, [OnnxGraph.Batch, .. MapOf(entering.InputChannels, entering.InputSize)]);
        string price = graph.Input("price", Float, OnnxGraph.Batch, 1);
        string pooled = graph.Node("GlobalAveragePool", "pooled", [x]);
        string flat = graph.Node("Flatten", "flat", [pooled]);
        string features = graph.Node("Concat", "features", [flat, price], "axis", 1);
        AddGate(graph, features, "layers", network.LayerGates[span]);
        AddGate(graph, features, "channels", network.ChannelGates[span]);
        graph.Output("layers", OnnxGraph.Batch, count);
        graph.Output("channels", OnnxGraph.Batch, channels);
        return graph;
    }

    public OnnxGraph Block(int index)
    {
        ResidualBlock block = network.Blocks[index];
        var graph = new OnnxGraph("block", half);
        string x = BlockInput(graph, block.Shape);
        string keep = graph.Input("keep", TensorProto.Types.DataType.Int64, "k");
        string scale = graph.Input("channel_scale", Float, OnnxGraph.Batch, "k");
        string layer = graph.Input("layer_scale", Float, OnnxGraph.Batch, 1);
        string axes = graph.Constant("axes", 2, 3);
        string channelScale = graph.Node("Unsqueeze", "channel_scale_map", [scale, axes]);
        string layerScale = graph.Node("Unsqueeze", "layer_scale_map", [layer, axes]);

        string h = AddInnerConv(graph, x, "first", block.First, keep, keepInputs: false);
        h = graph.Node("Mul", "first_scaled", [h, channelScale]);
        if (block.Middle is not null)
        {
            h = AddInnerConv(graph, h, "middle", block.Middle, keep, keepInputs: true);
            h = graph.Node("Mul", "middle_scaled", [h, channelScale]);
        }

        using (var scope = NewDisposeScope())
        {
            (Tensor weight, Tensor bias) = block.Last.Fold();
            string gathered = graph.Node("Gather", "last_weight_kept", [graph.Weight("last_weight", weight), keep], "axis", 1);
            h = Conv(graph, "last", h, block.Last, gathered, graph.Constant("last_bias", bias));
        }

        h = graph.Node("Mul", "branch", [h, layerScale]);
        string sum = graph.Node("Add", "sum", [AddProjection(graph, x, block), h]);
        graph.Node("Relu", "y", [sum]);
        BlockOutput(graph, block.Shape);
        return graph;
    }

    public OnnxGraph Shortcut(int index)
    {
        ResidualBlock block = network.Blocks[index];
        var graph = new OnnxGraph("shortcut", half);
        string x = BlockInput(graph, block.Shape);
        graph.Node("Relu", "y", [AddProjection(graph, x, block)]);
        BlockOutput(graph, block.Shape);
        return graph;
    }

    public OnnxGraph Head()
    {
        BlockShape last = network.Blocks[^1].Shape;
        var graph = new OnnxGraph("head", half);
        string x = graph.Input("x", Float, [OnnxGraph.Batch, .. MapOf(last.OutputChannels, last.OutputSize)]);
        AddHead(graph, x);
        return graph;
    }

    private static object[] MapOf(int channels, int size) => [channels, size, size];

    private static string BlockInput(OnnxGraph graph, BlockShape shape) =>
        graph.Input("x", Float, [OnnxGraph.Batch, .. MapOf(shape.InputChannels, shape.InputSize)]);

    private static void BlockOutput(OnnxGraph graph, BlockShape shape) =>
        graph.Output("y", [OnnxGraph.Batch, .. MapOf(shape.OutputChannels, shape.OutputSize)]);

    // The convolution with the weights and bias that the graph holds of it.
    private static string Conv(OnnxGraph graph, string name, string x, ConvBn conv, string weight, string bias)
    {
        long pad = conv.Kernel / 2;
        return graph.Node(
            "Conv",
            name,
            [x, weight, bias],
            ("kernel_shape", [conv.Kernel, conv.Kernel]),
            ("strides", [conv.Stride, conv.Stride]),
            ("pads", [pad, pad, pad, pad]));
    }

    private static string AddConv(OnnxGraph graph, string x, string name, ConvBn conv)
    {
        using var scope = NewDisposeScope();
        (Tensor weight, Tensor bias) = conv.Fold();
        return Conv(graph, name, x, conv, graph.Weight(name + "_weight", weight), graph.Constant(name + "_bias", bias));
    }

    // A convolution that computes only kept output channels and, behind another such, reads only kept input channels.
    private static string AddInnerConv(OnnxGraph graph, string x, string name, ConvBn conv, string keep, bool keepInputs)
    {
        using var scope = NewDisposeScope();
        (Tensor weight, Tensor bias) = conv.Fold();
        string kept = graph.Node("Gather", name + "_weight_kept", [graph.Weight(name + "_weight", weight), keep], "axis", 0);
        if (keepInputs)
        {
            kept = graph.Node("Gather", name + "_weight_kept_inputs", [kept, keep], "axis", 1);
        }

        string keptBias = graph.Node("Gather", name + "_bias_kept", [graph.Constant(name + "_bias", bias), keep], "axis", 0);
        return graph.Node("Relu", name + "_relu", [Conv(graph, name, x, conv, kept, keptBias)]);
    }

    private static string AddProjection(OnnxGraph graph, string x, ResidualBlock block) =>
        block.Projection is null ? x : AddConv(graph, x, "projection", block.Projection);

    private void AddGate(OnnxGraph graph, string features, string output, Gate gate)
    {
        using var scope = NewDisposeScope();
        (Tensor? hiddenWeight, Tensor? hiddenBias, Tensor weight, Tensor bias) = gate.Fold(network.PriceOffset);
        if (hiddenWeight is not null)
        {
            string hidden = Gemm(graph, output + "_hidden", features, hiddenWeight, hiddenBias!);
            features = graph.Node("Relu", output + "_hidden_relu", [hidden]);
        }

        graph.Node("Clip", output, [Gemm(graph, output + "_linear", features, weight, bias), graph.Scalar("zero", 0), graph.Scalar("one", 1)]);
    }

    private static string Gemm(OnnxGraph graph, string name, string features, Tensor weight, Tensor bias) =>
        graph.Node("Gemm", name, [features, graph.Constant(name + "_weight", weight), graph.Constant(name + "_bias", bias)], "transB", 1);

    private string ImageInput(OnnxGraph graph) =>
        graph.Input("image", Float, [OnnxGraph.Batch, .. MapOf(3, network.Spec.InputSize)]);

    private string AddStem(OnnxGraph graph, string image, string output)
    {
        if (network.Spec.Stem == StemKind.Cifar)
        {
            return graph.Node("Relu", output, [AddConv(graph, image, "stem_conv", network.Stem)]);
        }

        string relu = graph.Node("Relu", "stem_conv_relu", [AddConv(graph, image, "stem_conv", network.Stem)]);
        return graph.Node("MaxPool", output, [relu], ("kernel_shape", [3, 3]), ("strides", [2, 2]), ("pads", [1, 1, 1, 1]));
    }

    private void AddHead(OnnxGraph graph, string x)
    {
        using var scope = NewDisposeScope();
        string pooled = graph.Node("GlobalAveragePool", "pooled", [x]);
        string flat = graph.Node("Flatten", "flat", [pooled]);
        string weight = graph.Weight("head_weight", network.Head.weight!.detach());
        string bias = graph.Constant("head_bias", network.Head.bias!.detach());
        graph.Node("Gemm", "logits", [flat, weight, bias], "transB", 1);
        graph.Output("logits", OnnxGraph.Batch, network.Spec.Classes);
    }
}
