using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;

namespace LCNet.Training.Tests.Export;

/// <summary>What makes a bundle smaller: channels that nobody keeps are left out, and weights are stored in half precision.</summary>
public class SmallerBundleTests
{
    private static readonly double[] Efforts = [0.5, 0.75, 1];
    private static readonly ImageSet Images = RandomImages.Make(24, 16, 7);
    private static readonly int[] All = [.. Enumerable.Range(0, Images.Count)];

    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block)]
    [InlineData(BlockKind.Basic, GateSpan.Model)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Stage)]
    public void WithChannels_ThoseThatSomeImageKeeps_DecidesAndComputesTheSameForLess(BlockKind kind, GateSpan span)
    {
        using var folder = new TemporaryFolder();
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        using LcNet network = WithUselessChannels(kind, span);
        IReadOnlyList<long[]> used = Calibrator.UsedChannels(network, Images, All, RandomNetwork.Normalisation, Efforts);
        Assert.Contains(used.Zip(network.Blocks), pair => pair.First.Length < pair.Second.Shape.InnerChannels);

        using LcNet cut = network.WithChannels(used);

        torch.Tensor x = new BatchReader(Images, RandomNetwork.Normalisation).Read(All, Augmentation.None, 0, new Random(1)).Images;
        foreach (double effort in Efforts)
        {
            LcNetOutput before = network.ForwardAtEffort(x, effort);
            LcNetOutput after = cut.ForwardAtEffort(x, effort);
            Assert.True(torch.allclose(before.Logits, after.Logits, 1e-4, 1e-4));
            for (int block = 0; block < used.Count; block++)
            {
                torch.Tensor kept = before.Channels[block] * before.Layers[block].unsqueeze(1);
                Assert.True(torch.allclose(kept.index_select(1, torch.tensor(used[block])), after.Channels[block] * after.Layers[block].unsqueeze(1), 1e-4, 1e-4));

                // Counted by hand: what is left out no image keeps, what is left in some image does.
                float[] sums = kept.sum([0L]).data<float>().ToArray();
                Assert.All(sums.Index().Where(_ => sums.Any(sum => sum > 0)), channel => Assert.True(channel.Item == 0 || used[block].Contains(channel.Index)));
            }

            Assert.All(network.PlannedFlops(before).Zip(cut.PlannedFlops(after)), pair => Assert.True(pair.Second < pair.First));
        }

        Assert.True(cut.Cost.Dense < network.Cost.Dense);
        Bundle bundle = RandomNetwork.Export(cut, folder.Path);
        Assert.Equal(used.Select(channels => channels.Length), bundle.Manifest.Blocks.Select(block => block.Channels));
        Assert.True(ExportVerifier.Compare(cut, bundle, Images, All, RandomNetwork.Normalisation).SegmentError <= ExportComparison.Tolerance);
    }

    [Fact]
    public void UsedChannels_StaticNetwork_AreAll()
    {
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(BlockKind.Basic, GateSpan.Block) with { Gates = GateKinds.None }, 6);
        IReadOnlyList<long[]> used = Calibrator.UsedChannels(network, Images, All, RandomNetwork.Normalisation, Efforts);
        Assert.Equal(network.Blocks.Select(block => block.Shape.InnerChannels), used.Select(channels => channels.Length));
    }

    [Theory]
    [InlineData(BlockKind.Basic, StemKind.Cifar)]
    [InlineData(BlockKind.Bottleneck, StemKind.ImageNet)]
    public void Write_HalfPrecision_IsHalfAsLargeAndEveryExecutorWidensIt(BlockKind kind, StemKind stem)
    {
        using var folder = new TemporaryFolder();
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(kind, GateSpan.Block) with { Stem = stem, Width = 24 }, 3);
        long whole = Bytes(RandomNetwork.Export(network, folder.At("whole")));
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        torch.Tensor x = new BatchReader(Images, RandomNetwork.Normalisation).Read(All, Augmentation.None, 0, new Random(1)).Images;
        torch.Tensor before = network.Forward(x, null).Logits;

        network.RoundToHalf();

        torch.Tensor apart = (network.Forward(x, null).Logits - before).abs().max();
        Assert.InRange(apart.ToDouble(), 1e-6, 0.05 * before.abs().max().ToDouble());
        Bundle bundle = RandomNetwork.Export(network, folder.At("half"), half: true);
        Assert.InRange(Bytes(bundle), whole * 0.45, whole * 0.75);
        Assert.True(ExportVerifier.Compare(network, bundle, Images, All, RandomNetwork.Normalisation).DenseError <= ExportComparison.Tolerance);

        using var simd = new SimdExecutor(bundle);
        using ISegmentLane lane = simd.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var open = new InferenceResult(bundle.Manifest);
        float[] expected = network.Forward(x, null).Logits.data<float>().ToArray();
        float[] images = x.contiguous().data<float>().ToArray();
        for (int i = 0; i < All.Length; i++)
        {
            dispatcher.RunOpen(images.AsSpan(i * bundle.Manifest.Input.Length, bundle.Manifest.Input.Length), open);
            Assert.All(open.Logits.ToArray().Index(), logit => Assert.Equal(expected[(i * open.Logits.Length) + logit.Index], logit.Item, 1e-3f));
        }
    }

    // Segments alone: the manifest's text is as long in either.
    private static long Bytes(Bundle bundle) => Directory.GetFiles(bundle.Folder, "*.onnx").Sum(file => new FileInfo(file).Length);

    // Every third channel of every block is worth nothing to anybody.
    private static LcNet WithUselessChannels(BlockKind kind, GateSpan span)
    {
        LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(kind, span), 6);
        using var noGrad = torch.no_grad();
        foreach (torch.Tensor bias in network.state_dict().Where(entry => entry.Key.StartsWith("_channelGates", StringComparison.Ordinal) && entry.Key.EndsWith("_score.bias", StringComparison.Ordinal)).Select(entry => entry.Value))
        {
            for (long channel = 0; channel < bias.shape[0]; channel += 3)
            {
                bias[channel] = -1000;
            }
        }

        return network;
    }
}
