using Google.Protobuf;
using LCNet.Bundles.Onnx;
using LCNet.Training.Import;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Import;

/// <summary>Random networks are written as exporters write them, run by ONNX Runtime and imported.</summary>
public class OnnxImportTests
{
    private static readonly Dictionary<string, OnnxStyle> Styles = new()
    {
        ["PyTorch, training"] = new(),
        ["PyTorch, folded"] = new() { HasBatchNorm = false },
        ["Keras"] = new() { HasBatchNorm = true, HasPadNodes = true, HasMatMul = true, IsRaw = true, IsSame = true },
        ["CNTK"] = new() { IsAsymmetric = true, HasHead = false, Version = (3, 8) },
        ["MXNet"] = new() { Version = (3, 8) },
        ["half"] = new() { IsHalf = true, HasBatchNorm = false },
        ["constant nodes"] = new() { HasConstantNodes = true },
        ["external"] = new() { IsExternal = true },
    };

    public static TheoryData<string, int, bool> Cases
    {
        get
        {
            var cases = new TheoryData<string, int, bool>();
            foreach (string style in Styles.Keys)
            {
                cases.Add(style, 18, false);
            }

            cases.Add("PyTorch, training", 34, false);
            cases.Add("PyTorch, folded", 50, false);
            cases.Add("Keras", 50, true);
            cases.Add("CNTK", 50, true);
            cases.Add("PyTorch, training", 0, false);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Read_AsExportersWriteIt_ComputesWhatOnnxRuntimeDoes(string style, int depth, bool stridesFirst)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        ResNetSpec spec = Spec(depth, stridesFirst);
        using LcNet original = RandomNetwork.Make(spec, 3);
        OnnxStyle how = Styles[style];
        string path = folder.At("net.onnx");
        OnnxWriter.Write(original, path, how);

        ImportedNetwork imported = NetworkFile.Read(path);

        Assert.Equal(spec.Kind, imported.Kind);
        Assert.Equal(spec.Stem, imported.Stem);
        Assert.Equal(spec.BlocksPerStage, imported.BlocksPerStage);
        Assert.Equal(spec.InputSize, imported.InputSize);
        Assert.Equal(stridesFirst, imported.StridesFirst);
        Assert.Equal(how.HasHead ? spec.Classes : null, imported.Classes);
        Assert.Equal(!how.HasBatchNorm, imported.IsFolded);
        using LcNet network = new(imported.Spec(spec.Classes, spec.InputSize));
        Assert.Equal(how.HasHead, imported.CopyTo(network, isBgr: false));
        network.eval();

        manual_seed(1);
        Tensor images = (rand(1, 3, spec.InputSize, spec.InputSize) * 255).round();
        Tensor given = images;
        if (how.IsRaw)
        {
            Assert.Equal(OnnxWriter.Mean.Select(value => value / 255), imported.Normalisation!.Mean, (one, other) => Math.Abs(one - other) < 1e-5);
            Assert.Equal(OnnxWriter.Std.Select(value => value / 255), imported.Normalisation.Std, (one, other) => Math.Abs(one - other) < 1e-5);
            images = ((images / 255) - tensor(imported.Normalisation.Mean.ToArray()).reshape(1, 3, 1, 1)) / tensor(imported.Normalisation.Std.ToArray()).reshape(1, 3, 1, 1);
            given = given.permute(0, 2, 3, 1).contiguous();
        }
        else
        {
            Assert.Null(imported.Normalisation);
            given = images = (images / 255) - 0.5;
        }

        float[] expected = OnnxRuntimeOutput.Of(path, given);
        Tensor actual = how.HasHead ? network.Forward(images, null).Logits : network.BlockInputs(images)[^1].mean([2, 3]);
        OnnxRuntimeOutput.AssertClose(expected, actual, 1e-4);
    }

    public static TheoryData<string, string> Misfits => new()
    {
        { "groups", "32 groups, as in ResNeXt" },
        { "pooledShortcut", "Relu" },
        { "sigmoid", "Sigmoid" },
        { "padding", "padding 0 before" },
        { "meanImage", "192 values in front of the first convolution" },
        { "dilation", "dilations 2×2" },
        { "computed", "is computed, where a constant is expected" },
        { "quantised", "no floating-point one" },
        { "local", "'elsewhere/net.data', which is no file beside the model" },
        { "oblong", "only square ones" },
        { "twoInputs", "2 inputs" },
        { "clip", "Clip" },
        { "circle", "which nothing before it gives" },
        { "noWeight", "has no input 1" },
        { "shortNorm", "has 7 values, where 8 are expected" },
        { "shortBias", "5 classes, and a bias of 4 values" },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void Read_WhatDoesNotFit_IsRefusedByName(string what, string message)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using LcNet original = RandomNetwork.Make(Spec(18, false), 3);
        string path = folder.At("net.onnx");
        OnnxWriter.Write(original, path, new OnnxStyle(), model => Spoil(model.Graph, what));

        var exception = Assert.Throws<InvalidDataException>(() => NetworkFile.Read(path));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
        Assert.Contains(path, exception.Message, StringComparison.Ordinal);
    }

    private static void Spoil(GraphProto graph, string what)
    {
        NodeProto convolution = graph.Node.Where(node => node.OpType == "Conv").ElementAt(2);
        NodeProto stem = graph.Node.First(node => node.OpType == "Conv");
        switch (what)
        {
            case "groups":
                convolution.Attribute.Add(new AttributeProto { Name = "group", I = 32 });
                break;
            case "pooledShortcut":
                NodeProto relu = graph.Node.Where(node => node.OpType == "Relu").ElementAt(3);
                var extra = new NodeProto { OpType = "Sqrt", Name = "extra" };
                extra.Input.Add(relu.Output[0]);
                extra.Output.Add("extra");
                graph.Node.Add(extra);
                break;
            case "sigmoid":
                graph.Node.Where(node => node.OpType == "Relu").ElementAt(1).OpType = "Sigmoid";
                break;
            case "padding":
                AttributeProto pads = stem.Attribute.First(attribute => attribute.Name == "pads");
                pads.Ints.Clear();
                pads.Ints.AddRange([0, 0, 1, 1]);
                break;
            case "meanImage":
                var mean = new TensorProto { Name = "mean", DataType = TensorProto.Types.DataType.Float };
                mean.Dims.AddRange([3, 8, 8]);
                mean.FloatData.AddRange(new float[192]);
                graph.Initializer.Add(mean);
                var subtract = new NodeProto { OpType = "Sub", Name = "subtract" };
                subtract.Input.AddRange(["image", "mean"]);
                subtract.Output.Add("centred");
                graph.Node.Insert(0, subtract);
                stem.Input[0] = "centred";
                break;
            case "dilation":
                AttributeProto dilations = new() { Name = "dilations" };
                dilations.Ints.AddRange([2, 2]);
                convolution.Attribute.Add(dilations);
                break;
            case "computed":
                var product = new NodeProto { OpType = "Mul", Name = "product" };
                product.Input.AddRange([convolution.Input[1], convolution.Input[1]]);
                product.Output.Add("product");
                graph.Node.Insert(0, product);
                convolution.Input[1] = "product";
                break;
            case "quantised":
                graph.Initializer.First(tensor => tensor.Name == convolution.Input[1]).DataType = TensorProto.Types.DataType.Int32;
                break;
            case "local":
                TensorProto far = graph.Initializer.First(tensor => tensor.Name == convolution.Input[1]);
                far.DataLocation = TensorProto.Types.DataLocation.External;
                far.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "elsewhere/net.data" });
                break;
            case "oblong":
                graph.Input[0].Type.TensorType.Shape.Dim[3].DimValue = 48;
                break;
            case "twoInputs":
                graph.Input.Add(new ValueInfoProto { Name = "other" });
                break;
            case "circle":
                stem.Input[0] = graph.Node.Last(node => node.OpType == "Relu").Output[0];
                break;
            case "noWeight":
                convolution.Input.RemoveAt(1);
                break;
            case "shortNorm":
                Shorten(graph, graph.Node.First(node => node.OpType == "BatchNormalization").Input[3]);
                break;
            case "shortBias":
                Shorten(graph, graph.Node.First(node => node.OpType == "Gemm").Input[2]);
                break;
            case "clip":
                graph.Node.First(node => node.OpType == "Relu").OpType = "Clip";
                break;
        }
    }

    private static void Shorten(GraphProto graph, string vector)
    {
        TensorProto tensor = graph.Initializer.First(tensor => tensor.Name == vector);
        tensor.Dims[0]--;
        tensor.RawData = ByteString.CopyFrom(tensor.RawData.Span[..^sizeof(float)]);
    }

    // Depth 0 is a small network for small images whose first block halves the resolution.
    private static ResNetSpec Spec(int depth, bool stridesFirst) => depth == 0
        ? new ResNetSpec { BlocksPerStage = [0, 2, 1], Width = 8, Widths = [8, 12, 16], Classes = 5, InputSize = 32 }
        : ResNetSpec.ImageNet(depth, 8, 5) with { InputSize = 64, StridesFirst = stridesFirst };
}
