using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;
using TorchSharp.Modules;

namespace LCNet.Training.Tests.Networks;

public class LcNetTests
{
    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Stage)]
    public void Forward_GatedBatch_PricesEachImageByItsOwnDecisions(BlockKind kind, GateSpan span)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        LcNet network = RandomNetwork.Shared(kind, span);
        torch.manual_seed(7);
        LcNetOutput output = network.Forward(Read(network, 30), torch.rand(30, 1) - 0.5);

        Assert.Equal(network.Cost.Blocks.Count, output.Layers.Count);
        IReadOnlyList<long> planned = network.PlannedFlops(output);
        for (int image = 0; image < planned.Count; image++)
        {
            long flops = network.Cost.Cheapest;
            for (int block = 0; block < output.Layers.Count; block++)
            {
                int kept = (output.Channels[block][image] > 0).sum().ToInt32();
                bool runs = output.Layers[block][image].ToSingle() > 0;
                flops += runs ? network.Cost.Blocks[block].At(kept) - network.Cost.Blocks[block].Shortcut : 0;
            }

            Assert.Equal(flops, planned[image]);
        }

        Assert.True(planned.Distinct().Count() > 10, string.Join(' ', planned));
    }

    [Fact]
    public void Forward_NoEffort_IsTheDenseNetwork()
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        LcNet network = RandomNetwork.Shared(BlockKind.Basic, GateSpan.Block);
        torch.Tensor images = Read(network, 4);
        LcNetOutput dense = network.Forward(images, null);
        Assert.Empty(dense.Layers);
        Assert.Empty(dense.Channels);
        Assert.NotEqual(network.ForwardAtEffort(images, 1).Logits.data<float>().ToArray(), dense.Logits.data<float>().ToArray());
    }

    [Fact]
    public void Forward_OneImage_DoesNotDependOnTheOthersOfItsBatch()
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        LcNet network = RandomNetwork.Shared(BlockKind.Bottleneck, GateSpan.Model);
        torch.Tensor images = Read(network, 6);
        torch.Tensor together = network.ForwardAtEffort(images, 0.5).Logits;
        for (int i = 0; i < 6; i++)
        {
            float[] alone = network.ForwardAtEffort(images.narrow(0, i, 1), 0.5).Logits.data<float>().ToArray();
            Assert.All(alone.Zip(together[i].data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        }
    }

    [Fact]
    public void RandomRuns_SomeImages_SkipIdentityBlocksAsOftenAsNot()
    {
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(3);
        LcNet network = RandomNetwork.Shared(BlockKind.Basic, GateSpan.Block);
        IReadOnlyList<torch.Tensor?> runs = network.RandomRuns(3000, 2000);

        Assert.Equal(network.Blocks.Select(block => block.Shape.IdentityShortcut), runs.Select(run => run is not null));
        Assert.All(runs.OfType<torch.Tensor>(), run =>
        {
            float[] values = run.data<float>().ToArray();
            Assert.All(values, value => Assert.True(value is 0 or 1));
            Assert.Equal(0.5, values[..2000].Average(), 0.05);
            Assert.Equal(1, values[2000..].Average());
        });
    }

    [Fact]
    public void RunFrom_SomeImagesSkipABlock_EqualsEachImageByItself()
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        LcNet network = RandomNetwork.Shared(BlockKind.Basic, GateSpan.Block);
        torch.Tensor images = Read(network, 5);
        torch.Tensor run = torch.tensor(new float[] { 1, 0, 0, 1, 0 });
        torch.Tensor?[] runs = [.. network.Blocks.Select(block => block.Shape.IdentityShortcut ? run : null)];
        torch.Tensor together = network.RunFrom(0, network.BlockInputs(images)[0], runs);
        for (int i = 0; i < 5; i++)
        {
            torch.Tensor x = network.BlockInputs(images.narrow(0, i, 1))[0];
            foreach (ResidualBlock block in network.Blocks)
            {
                x = i is 0 or 3 || !block.Shape.IdentityShortcut ? block.Run(x, null, null) : block.Skip(x);
            }

            float[] alone = network.RunFrom(network.Blocks.Count, x).data<float>().ToArray();
            Assert.All(alone.Zip(together[i].data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(7)]
    public void Backward_FewerChannelsThanAVectorRegister_EqualsFiniteDifferences(int width)
    {
        // Narrow networks once corrupted memory here: oneDNN's gradient of a strided 1×1 convolution.
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(width);
        using var network = new LcNet(new ResNetSpec { BlocksPerStage = [1, 1, 1], Width = width, Classes = 3, InputSize = 8 });
        torch.Tensor images = Read(network, 32);
        for (int step = 0; step < 5; step++)
        {
            network.zero_grad();
            Loss(network, images).backward();
        }

        TorchSharp.Modules.Parameter weight = network.get_parameter("_blocks.1._projection._conv.weight")!;
        double slope = weight.grad!.flatten()[0].ToDouble();
        const double Step = 1e-2;
        using var noGrad = torch.no_grad();
        weight.flatten()[0].add_(Step);
        double above = Loss(network, images).ToDouble();
        weight.flatten()[0].sub_(2 * Step);
        double below = Loss(network, images).ToDouble();
        Assert.Equal((above - below) / (2 * Step), slope, 0.02 * Math.Max(1, Math.Abs(slope)));
    }

    private static torch.Tensor Loss(LcNet network, torch.Tensor images) => network.Forward(images, null).Logits.square().mean();

    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Stage)]
    public void Forward_BFloat16Images_ComputesNearlyTheSameAndGradientsInFloat32(BlockKind kind, GateSpan span)
    {
        using var scope = torch.NewDisposeScope();
        LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(kind, span), 5);
        torch.Tensor images = Read(network, 30);
        torch.Tensor price = torch.full(30, 1, 0f);

        foreach (torch.Tensor? prices in new[] { null, price })
        {
            (LcNetOutput full, torch.Tensor[] exact) = Differentiate(network, images, prices);
            (LcNetOutput mixed, torch.Tensor[] gradients) = Differentiate(network, images.to_type(torch.ScalarType.BFloat16), prices);

            Assert.Equal(torch.ScalarType.Float32, mixed.Logits.dtype);
            Assert.NotEqual(full.Logits.data<float>().ToArray(), mixed.Logits.data<float>().ToArray());
            Assert.True(Cosine(full.Logits, mixed.Logits) > 0.99, $"logits: {Cosine(full.Logits, mixed.Logits)}");
            Assert.All(gradients, gradient => Assert.Equal(torch.ScalarType.Float32, gradient.dtype));
            double cosine = Cosine(torch.cat([.. exact.Select(gradient => gradient.flatten())]), torch.cat([.. gradients.Select(gradient => gradient.flatten())]));
            Assert.True(cosine > 0.95, $"gradients: {cosine}");
        }
    }

    private static (LcNetOutput Output, torch.Tensor[] Gradients) Differentiate(LcNet network, torch.Tensor images, torch.Tensor? price)
    {
        (IReadOnlyList<Parameter> decayed, IReadOnlyList<Parameter> plain) = network.ParameterGroups();
        Parameter[] parameters = [.. decayed, .. plain];
        network.zero_grad();
        LcNetOutput output = network.Forward(images, price);
        output.Logits.square().mean().backward();
        return (output, [.. parameters.Select(parameter => parameter.grad!.clone())]);
    }

    private static double Cosine(torch.Tensor one, torch.Tensor other) =>
        ((one * other).sum() / torch.sqrt(one.square().sum() * other.square().sum())).ToDouble();

    private static torch.Tensor Read(LcNet network, int count) =>
        new BatchReader(RandomImages.Make(count, network.Spec.InputSize, 44), RandomNetwork.Normalisation)
            .Read([.. Enumerable.Range(0, count)], Augmentation.None, 0, new Random(1)).Images;
}
