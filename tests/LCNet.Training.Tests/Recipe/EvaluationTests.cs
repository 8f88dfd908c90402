using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Recipe;

public class EvaluationTests
{
    [Fact]
    public void Of_RandomNetwork_EqualsARecountImageByImage()
    {
        LcNet network = RandomNetwork.Shared(BlockKind.Basic, GateSpan.Block);
        ImageSet images = RandomImages.Make(40, network.Spec.InputSize, 32);
        int[] indices = [.. Enumerable.Range(0, 40).Where(i => i % 3 != 1)];
        Evaluation actual = Evaluation.Of(network, images, indices, RandomNetwork.Normalisation, 0.6);

        using var noGrad = TorchSharp.torch.no_grad();
        var reader = new BatchReader(images, RandomNetwork.Normalisation);
        int right = 0;
        var flops = new List<long>();
        int[] runs = new int[network.Cost.Blocks.Count];
        foreach (int index in indices)
        {
            LcNetOutput output = network.ForwardAtEffort(reader.Read([index], Augmentation.None, 0, new Random(1)).Images, 0.6);
            float[] logits = output.Logits.data<float>().ToArray();
            right += Array.IndexOf(logits, logits.Max()) == images.Label(index) ? 1 : 0;
            flops.Add(network.Cost.Cheapest);
            for (int block = 0; block < runs.Length; block++)
            {
                int kept = output.Channels[block].contiguous().data<float>().Count(salience => salience > 0);
                if (output.Layers[block].item<float>() > 0)
                {
                    runs[block]++;
                    flops[^1] += network.Cost.Blocks[block].PerChannel * kept;
                }
            }
        }

        Assert.Equal((double)right / indices.Length, actual.Accuracy, 1e-12);
        Assert.Equal(flops, actual.Flops);
        Assert.Equal(flops.Average() / network.Cost.Dense, actual.FlopsShare, 1e-12);
        Assert.Equal(runs.Select(run => (double)run / indices.Length), actual.RunRates);
    }

    [Fact]
    public void Of_DenseNetwork_RunsEveryBlockAtTheDenseCost()
    {
        LcNet network = RandomNetwork.Shared(BlockKind.Basic, GateSpan.Block);
        ImageSet images = RandomImages.Make(10, network.Spec.InputSize, 33);

        Evaluation actual = Evaluation.Of(network, images, [1, 2, 5], RandomNetwork.Normalisation, null);

        Assert.Equal(Enumerable.Repeat(network.Cost.Dense, 3), actual.Flops);
        Assert.Equal(1, actual.FlopsShare);
        Assert.All(actual.RunRates, rate => Assert.Equal(1, rate));
    }
}
