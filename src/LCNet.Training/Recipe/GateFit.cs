using LCNet.Training.Data;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Recipe;

/// <summary>
/// Fits gates to a network: measures on some images what each block and channel is worth, and lets the gates predict it from what they see.
/// </summary>
/// <remarks>
/// A block's worth for an image is how much further from those of the dense network its probabilities are where the block is skipped (Kullback-Leibler
/// divergence), while some of the other blocks are skipped at random, per FLOP. A channel's worth is that of its block, in the mean of all images, times the
/// share that the channel has in what the block adds to this image: mean square after ReLU × squared norm of the weights that read it, over the mean of the
/// block's channels and all images. Both are taken as logarithms, in standard deviations of the blocks'. Hidden layers learn by gradient descent, what
/// reads them, or the input where there is none, by ridge regression.
/// </remarks>
/// <param name="augmentation">How images are changed before they are measured.</param>
internal sealed class GateFit(LcNet network, BatchReader reader, Augmentation augmentation, Precision precision)
{
    // Divergences below it are no different from none.
    private const double Least = 1e-3;
    private const double Ridge = 1e-2;
    private const int Steps = 400;
    private const int StepImages = 512;
    private const double Rate = 0.01;

    private readonly int _blocks = network.Blocks.Count;

    /// <summary>Fits every gate that is learned, beginning where it is.</summary>
    /// <param name="indices">The images to measure on, a few thousand.</param>
    /// <returns>Share of the variance of each block's worth that its gate predicts, at most 1.</returns>
    public IReadOnlyList<double> Run(IReadOnlyList<int> indices)
    {
        using var scope = NewDisposeScope();
        network.eval();
        Measured measured = Measure(indices);
        using var region = UncollectedRegion.Open();
        double meanCost = Enumerable.Range(0, _blocks).Average(i => network.Cost.OfBlock(i));
        Tensor[] perFlop = [.. Enumerable.Range(0, _blocks).Select(i => measured.Worth[i] - Math.Log(network.Cost.OfBlock(i) / meanCost))];
        double deviation = Math.Max(stack(perFlop).std().ToDouble(), Least);
        var explained = new List<double>();
        int span = 0;
        foreach ((int first, int count) in network.Spec.Spans())
        {
            Tensor pooled = measured.Pooled[first];
            explained.AddRange(FitLayers(network.LayerGates[span], pooled, stack(perFlop.Skip(first).Take(count), 1) / deviation));
            FitChannels(network.ChannelGates[span], pooled, [.. Enumerable.Range(first, count).Select(i => (log(exp(perFlop[i]).mean()), measured.Energies[i]))], deviation);
            span++;
        }

        return explained;
    }

    private Measured Measure(IReadOnlyList<int> indices)
    {
        using var noGrad = no_grad();
        var pooled = NewLists();
        var worth = NewLists();
        var energies = NewLists();
        var random = new Random(indices.Count);
        foreach (int[] batch in indices.Chunk(reader.EvaluatedAtATime))
        {
            using var uncollected = UncollectedRegion.Open();
            using var inner = NewDisposeScope();
            Tensor x = reader.Read(batch, augmentation, 0, random).Images.to_type(precision.TensorType());
            Tensor dense = functional.log_softmax(network.RunFrom(_blocks, network.BlockInputs(x)[_blocks]), 1);
            IReadOnlyList<Tensor?> runs = network.RandomRuns(batch.Length, batch.Length);
            IReadOnlyList<Tensor> inputs = network.BlockInputs(x, runs);
            Tensor apart = Divergence(dense, network.RunFrom(_blocks, inputs[_blocks]));
            for (int i = 0; i < _blocks; i++)
            {
                // The same images with this one decision turned round.
                Tensor run = runs[i] ?? ones(batch.Length);
                Tensor turned = 1 - run;
                Tensor other = Divergence(dense, network.RunFrom(i, inputs[i], [.. runs.Select((own, block) => block == i ? turned : own)]));
                Tensor gain = (other - apart) * ((2 * run) - 1);
                worth[i].Add(log(gain.clamp_min(0) + Least).MoveToOuterDisposeScope());
                pooled[i].Add(LcNet.Pool(inputs[i]).MoveToOuterDisposeScope());
                energies[i].Add(network.Blocks[i].ChannelEnergies(inputs[i]).MoveToOuterDisposeScope());
            }
        }

        return new Measured(Together(pooled), Together(worth), Together(energies));
    }

    private static double[] FitLayers(Gate gate, Tensor pooled, Tensor worth)
    {
        if (!gate.IsLearned)
        {
            return [];
        }

        gate.BeginFit(pooled);
        if (gate.HasHidden)
        {
            Descend(gate, pooled, worth);
        }

        using var noGrad = no_grad();
        (Tensor weight, Tensor bias) = Regress(gate.Features(pooled), worth);
        gate.SetScore(weight, bias);
        Tensor left = (worth - gate.Utility(pooled)).square().mean([0]);
        return [.. (1 - (left / worth.var(0, unbiased: false).clamp_min(Least * Least))).cpu().contiguous().data<float>().Select(share => (double)share)];
    }

    private static void Descend(Gate gate, Tensor pooled, Tensor worth)
    {
        using TorchSharp.Modules.Adam optimizer = optim.Adam(gate.parameters(), Rate);
        for (int step = 0; step < Steps; step++)
        {
            using var inner = NewDisposeScope();
            optimizer.ParamGroups.First().LearningRate = Rate * (1 - ((double)step / Steps));
            Tensor sample = randint(0, pooled.shape[0], new long[] { Math.Min(StepImages, pooled.shape[0]) });
            optimizer.zero_grad();
            functional.mse_loss(gate.Utility(pooled.index_select(0, sample)), worth.index_select(0, sample)).backward();
            optimizer.step();
        }

        gate.zero_grad();
    }

    private static void FitChannels(Gate gate, Tensor pooled, IReadOnlyList<(Tensor BlockWorth, Tensor Energies)> blocks, double deviation)
    {
        if (!gate.IsLearned)
        {
            return;
        }

        using var noGrad = no_grad();
        gate.BeginFit(pooled);
        Tensor mean = cat([.. blocks.Select(block => block.BlockWorth + log((block.Energies.mean([0]) / block.Energies.mean()) + Least))]) / deviation;
        Tensor ofImage = cat([.. blocks.Select(block => log((block.Energies / block.Energies.mean([0]).clamp_min(1e-12)) + Least))], 1) / deviation;
        gate.SetScore(Regress(gate.Features(pooled), ofImage).Weight, mean);
    }

    private static (Tensor Weight, Tensor Bias) Regress(Tensor features, Tensor targets)
    {
        Tensor x = features.to_type(ScalarType.Float64);
        Tensor y = targets.to_type(ScalarType.Float64);
        Tensor centred = x - x.mean([0]);
        Tensor covariance = (mm(centred.t(), centred) / x.shape[0]) + (Ridge * eye(x.shape[1], dtype: ScalarType.Float64));
        Tensor weight = linalg.solve(covariance, mm(centred.t(), y - y.mean([0])) / x.shape[0]).t();
        return (weight.to_type(ScalarType.Float32), (y.mean([0]) - mv(weight, x.mean([0]))).to_type(ScalarType.Float32));
    }

    private static Tensor Divergence(Tensor expected, Tensor logits) => (expected.exp() * (expected - functional.log_softmax(logits, 1))).sum(1);

    private static Tensor[] Together(List<Tensor>[] parts) => [.. parts.Select(part => cat(part))];

    private List<Tensor>[] NewLists() => [.. Enumerable.Range(0, _blocks).Select(_ => new List<Tensor>())];

    // For each block: what its gate sees [N, C] where it is the first of its span, the logarithm of its worth [N], and its channels' energies [N, K].
    private sealed record Measured(Tensor[] Pooled, Tensor[] Worth, Tensor[] Energies);
}
