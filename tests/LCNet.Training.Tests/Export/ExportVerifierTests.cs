using System.Runtime.InteropServices;
using Google.Protobuf;
using LCNet.Bundles;
using LCNet.Bundles.Onnx;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;

namespace LCNet.Training.Tests.Export;

public class ExportVerifierTests
{
    // In each of six comparisons: a little over 1,000 together.
    private const int Images = 168;

    private static readonly ImageSet FewImages = RandomImages.Make(24, 16, 7);

    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block)]
    [InlineData(BlockKind.Basic, GateSpan.Stage)]
    [InlineData(BlockKind.Basic, GateSpan.Model)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Block)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Stage)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Model)]
    public void Compare_RandomNetwork_Agrees(BlockKind kind, GateSpan span)
    {
        using var folder = new TemporaryFolder();
        LcNet network = RandomNetwork.Shared(kind, span);
        Bundle bundle = RandomNetwork.Export(network, folder.Path);
        ImageSet images = RandomImages.Make(Images, network.Spec.InputSize, 100);
        int[] indices = All(images);
        AssertDecisionsVary(network, images, indices);

        ExportComparison comparison = ExportVerifier.Compare(network, bundle, images, indices, RandomNetwork.Normalisation);

        Assert.Equal(Images, comparison.Images);
        Assert.InRange(comparison.SegmentError, 0, 1e-4);
        Assert.InRange(comparison.DenseError, 0, 1e-4);
        Assert.Equal(0, comparison.PlanDifferences);
        Assert.True(comparison.Agrees);
    }

    [Theory]
    [InlineData(BlockKind.Basic)]
    [InlineData(BlockKind.Bottleneck)]
    public void Compare_ImageNetStem_Agrees(BlockKind kind)
    {
        using var folder = new TemporaryFolder();
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(kind, GateSpan.Block) with { Stem = StemKind.ImageNet, InputSize = 32 }, 5);
        ImageSet images = RandomImages.Make(Images, network.Spec.InputSize, 100);

        ExportComparison comparison = ExportVerifier.Compare(
            network, RandomNetwork.Export(network, folder.Path), images, All(images), RandomNetwork.Normalisation);

        Assert.True(comparison.Agrees, $"{comparison}");
    }

    [Theory]
    [InlineData(GateKinds.None)]
    [InlineData(GateKinds.Layers)]
    [InlineData(GateKinds.Channels)]
    public void Compare_GatesThatAreLeftOut_AreOpenForEveryImage(GateKinds gates)
    {
        using var folder = new TemporaryFolder();
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(BlockKind.Basic, GateSpan.Block) with { Gates = gates }, 6);
        Bundle bundle = RandomNetwork.Export(network, folder.Path);
        int[] indices = All(FewImages);
        Assert.True(ExportVerifier.Compare(network, bundle, FewImages, indices, RandomNetwork.Normalisation).Agrees);

        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        LcNetOutput output = network.Forward(Read(FewImages, indices), torch.full(indices.Length, 1, 0.5));
        Assert.Equal(!gates.HasFlag(GateKinds.Layers), output.Layers.All(layer => layer.eq(1).all().ToBoolean()));
        Assert.Equal(!gates.HasFlag(GateKinds.Channels), output.Channels.All(channel => channel.eq(1).all().ToBoolean()));
    }

    [Fact]
    public void Compare_OneNumberOfOneFileChanged_DoesNotAgree()
    {
        using var folder = new TemporaryFolder();
        LcNet network = RandomNetwork.Shared(BlockKind.Basic, GateSpan.Block);
        Bundle bundle = RandomNetwork.Export(network, folder.Path);
        Assert.True(Compare(network, bundle, FewImages).Agrees);
        Assert.All(
            [
                ("stem.onnx", "stem_conv_weight", true), ("gate_01.onnx", "layers_linear_bias", false), ("gate_02.onnx", "channels_linear_bias", false),
                ("block_00.onnx", "last_bias", true), ("block_01.onnx", "first_weight", true), ("block_01.onnx", "projection_weight", true),
                ("block_02.onnx", "last_weight", true), ("shortcut_01.onnx", "projection_weight", false), ("head.onnx", "head_weight", true),
            ],
            ((string File, string Tensor, bool RunsOpen) change) =>
            {
                byte[] good = File.ReadAllBytes(bundle.PathOf(change.File));
                ChangeFirst(bundle.PathOf(change.File), change.Tensor);
                ExportComparison comparison = Compare(network, Bundle.Write(bundle.Folder, bundle.Manifest), FewImages);
                File.WriteAllBytes(bundle.PathOf(change.File), good);

                // What a gate says changes neither way's logits, as one is led along the other's.
                bool isGate = change.File.StartsWith("gate", StringComparison.Ordinal);
                Assert.False(comparison.Agrees);
                Assert.Equal(!isGate, comparison.SegmentError > ExportComparison.Tolerance);
                Assert.Equal(change.RunsOpen, comparison.DenseError > ExportComparison.Tolerance);
                Assert.True(!isGate || comparison.PlanDifferences > 0);
            });
    }

    [Fact]
    public void Compare_BundleOfAnotherNetwork_CountsPlanDifferences()
    {
        using var folder = new TemporaryFolder();
        LcNet network = RandomNetwork.Shared(BlockKind.Bottleneck, GateSpan.Stage);
        using LcNet other = RandomNetwork.Make(network.Spec, 77);

        ExportComparison comparison = Compare(network, RandomNetwork.Export(other, folder.Path), FewImages);

        Assert.True(comparison.PlanDifferences > FewImages.Count, $"{comparison}");
        Assert.True(comparison.SegmentError > ExportComparison.Tolerance, $"{comparison}");
        Assert.False(comparison.Agrees);
    }

    private static ExportComparison Compare(LcNet network, Bundle bundle, ImageSet images) =>
        ExportVerifier.Compare(network, bundle, images, All(images), RandomNetwork.Normalisation);

    private static int[] All(ImageSet images) => [.. Enumerable.Range(0, images.Count)];

    private static void ChangeFirst(string path, string tensor)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        TensorProto constant = model.Graph.Initializer.Single(candidate => candidate.Name == tensor);
        byte[] bytes = constant.RawData.ToByteArray();
        MemoryMarshal.Cast<byte, float>(bytes.AsSpan())[0] += 2;
        constant.RawData = ByteString.CopyFrom(bytes);
        File.WriteAllBytes(path, model.ToByteArray());
    }

    // The comparison is worth something only where every block is run, scaled and skipped, and channels come and go.
    private static void AssertDecisionsVary(LcNet network, ImageSet images, int[] indices)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        torch.Tensor prices = torch.tensor([.. indices.Select((_, i) => (float)network.PriceAt(1 - (0.25 * (i % 4))))], indices.Length, 1);
        LcNetOutput output = network.Forward(Read(images, indices), prices);
        for (int block = 0; block < output.Layers.Count; block++)
        {
            float[] layers = output.Layers[block].data<float>().ToArray();
            Assert.InRange(layers.Count(salience => salience == 0), 1, indices.Length - 1);
            Assert.Contains(layers, salience => salience is > 0 and < 1);
            float[] channels = output.Channels[block].contiguous().data<float>().ToArray();
            Assert.Contains(channels, salience => salience == 0);
            Assert.Contains(channels, salience => salience is > 0 and < 1);
            Assert.Contains(channels, salience => salience == 1);
        }

        Assert.Contains(output.Layers, layer => (layer == 1).any().ToBoolean());
    }

    private static torch.Tensor Read(ImageSet images, int[] indices) =>
        new BatchReader(images, RandomNetwork.Normalisation).Read(indices, Augmentation.None, 0, new Random(1)).Images;
}
