using LCNet.Bundles;
using LCNet.Bundles.Onnx;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Tests.Execution;

/// <summary>Rewritten graphs against what they were, in ONNX Runtime on the CPU.</summary>
public sealed class FusedGraphsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void WholeBlock_AnyScales_EqualsTheBlockWithItsKeptChannels(bool bottleneck, bool half)
    {
        Bundle bundle = Export(bottleneck, half);
        var random = new Random(1);
        foreach (BlockSpec block in bundle.Manifest.Blocks)
        {
            byte[] file = File.ReadAllBytes(bundle.PathOf(block.File));
            using var plain = new InferenceSession(file);
            using var whole = new InferenceSession(FusedGraphs.WholeBlock(file));
            Assert.Equal(bottleneck ? ["channel_scale", FusedGraphs.LastScale, "x"] : [FusedGraphs.LastScale, "x"], whole.InputNames.Order(StringComparer.Ordinal));
            for (int round = 0; round < 10; round++)
            {
                float[] scales = TestBundles.Saliences(random, block.Channels, 0.6);
                scales[random.Next(scales.Length)] = 1;
                float branch = 1 - random.NextSingle();
                float[] x = Values(random, block.Input);
                long[] keep = [.. scales.Index().Where(scale => scale.Item > 0).Select(scale => (long)scale.Index)];
                float[] expected = Run(plain, block, new()
                {
                    ["x"] = Map(x, block.Input),
                    ["keep"] = OrtValue.CreateTensorValueFromMemory(keep, [keep.Length]),
                    ["channel_scale"] = OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(keep, channel => scales[channel]), [1, keep.Length]),
                    ["layer_scale"] = OrtValue.CreateTensorValueFromMemory([branch], [1, 1]),
                });
                float[] last = [.. scales.Select(scale => scale * branch), branch, .. new float[FusedGraphs.BiasChannels - 1]];
                var inputs = new Dictionary<string, OrtValue>
                {
                    ["x"] = Map(x, block.Input),
                    [FusedGraphs.LastScale] = OrtValue.CreateTensorValueFromMemory(last, [1, last.Length]),
                };
                if (bottleneck)
                {
                    inputs["channel_scale"] = OrtValue.CreateTensorValueFromMemory(scales, [1, scales.Length]);
                }

                Assert.All(expected.Zip(Run(whole, block, inputs)), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
            }
        }
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 3)]
    public void Fuse_StaticNetwork_HasAConvolutionLessForEachReluAndTheSameLogits(bool bottleneck, int convolutions)
    {
        Bundle bundle = Export(bottleneck, half: false);
        byte[] dense = DenseGraph.Assemble(bundle);
        byte[] fused = FusedGraphs.Fuse(dense);
        GraphProto graph = ModelProto.Parser.ParseFrom(fused).Graph;
        Assert.DoesNotContain(graph.Node, node => node.OpType is "Relu" or "Add");
        Assert.Equal(1 + (convolutions * bundle.Manifest.Blocks.Count), graph.Node.Count(node => node.OpType == "FusedConv"));
        Assert.Equal(bundle.Manifest.Blocks.Count(block => block.ShortcutFile is not null), graph.Node.Count(node => node.OpType == "Conv"));
        using var plain = new InferenceSession(dense);
        using var rewritten = new InferenceSession(fused);
        foreach (float[] image in TestBundles.Images(bundle, 10, 1))
        {
            float[] Logits(InferenceSession session)
            {
                InputSpec input = bundle.Manifest.Input;
                using var value = OrtValue.CreateTensorValueFromMemory(image, [1, 3, input.Height, input.Width]);
                using var run = new RunOptions();
                using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, ["image"], [value], ["logits"]);
                return outputs[0].GetTensorDataAsSpan<float>().ToArray();
            }

            Assert.All(Logits(plain).Zip(Logits(rewritten)), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        }
    }

    [Fact]
    public void WholeBlock_AnotherForm_IsRefused()
    {
        Bundle bundle = Export(bottleneck: false, half: false);
        byte[] head = File.ReadAllBytes(bundle.PathOf(bundle.Manifest.Head.File));
        Assert.StartsWith("is not of the form that lcnet writes: ", Assert.Throws<InvalidDataException>(() => FusedGraphs.WholeBlock(head)).Message, StringComparison.Ordinal);
        ModelProto block = ModelProto.Parser.ParseFrom(File.ReadAllBytes(bundle.PathOf(bundle.Manifest.Blocks[0].File)));
        block.Graph.Node.Single(node => node.Name == "branch").OpType = "Div";
        Assert.Contains("is not read by one Mul", Assert.Throws<InvalidDataException>(() => FusedGraphs.WholeBlock(Google.Protobuf.MessageExtensions.ToByteArray(block))).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => FusedGraphs.Fuse([]));
        Assert.Throws<Google.Protobuf.InvalidProtocolBufferException>(() => FusedGraphs.Fuse([1, 2, 3]));
    }

    public void Dispose() => _folder.Dispose();

    private static float[] Values(Random random, MapShape shape) => [.. Enumerable.Range(0, (int)shape.Length).Select(_ => random.NextSingle())];

    private static OrtValue Map(float[] values, MapShape shape) => OrtValue.CreateTensorValueFromMemory(values, [1, shape.Channels, shape.Height, shape.Width]);

    private static float[] Run(InferenceSession session, BlockSpec block, Dictionary<string, OrtValue> inputs)
    {
        using var run = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, inputs, ["y"]);
        foreach (OrtValue input in inputs.Values)
        {
            input.Dispose();
        }

        Assert.Equal(block.Output.Channels, outputs[0].GetTensorTypeAndShape().Shape[1]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private Bundle Export(bool bottleneck, bool half) => bottleneck ? TestBundles.Bottleneck(_folder, half) : TestBundles.Basic(_folder, half);
}
