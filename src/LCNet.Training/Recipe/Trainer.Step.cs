using LCNet.Bundles;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Recipe;

/// <content>One step: a batch forward and backward, and the prices that it moves.</content>
public sealed partial class Trainer
{
    private const double MaxGradientNorm = 5;

    // A price follows the quantiles of batches slowly enough to be steady, and fast enough for a target that falls.
    private const double PriceMomentum = 0.1;
    private const double RarePriceMomentum = 0.25;

    private void SetLearningRate(SGD optimizer, double rate)
    {
        optim.ILearningRateController[] groups = [.. optimizer.ParamGroups];
        groups[0].LearningRate = rate;
        groups[1].LearningRate = rate * _options.BiasRate;
    }

    // Efforts of a batch, one after another: those whose prices are learned.
    private List<EffortGroup> Groups(LcNet network, Schedule schedule, int step, Random random)
    {
        int quarter = _options.BatchSize / 4;
        int eighth = _options.BatchSize / 8;
        int most = _options.BatchSize - quarter - eighth;
        IReadOnlyList<EffortPrice> prices = network.Prices;
        int middle = LcNet.PricedEfforts / 2;
        EffortGroup Group(int first, int count, int point, double momentum) =>
            new(first, count, point, prices[point].Price, momentum, schedule.TargetShare(step, prices[point].Effort) * network.Cost.Dense);
        return
        [
            Group(0, most, LcNet.PricedEfforts - 1, PriceMomentum),
            Group(most, quarter, random.Next(middle, LcNet.PricedEfforts - 1), RarePriceMomentum),
            Group(most + quarter, eighth, random.Next(middle), RarePriceMomentum),
        ];
    }

    private (double Loss, double Right, double Share) Step(LcNet network, SGD optimizer, Tensor x, Tensor labels, List<EffortGroup>? groups)
    {
        using var uncollected = UncollectedRegion.Open();
        optimizer.zero_grad();
        Tensor? price = groups is null ? null : cat([.. groups.Select(group => full(group.Count, 1, (float)group.Price))], 0);
        LcNetOutput output = groups is null ? RunAnyDepth(network, x) : network.Forward(x, price);
        Tensor entropy = functional.cross_entropy(output.Logits, labels, label_smoothing: _options.LabelSmoothing);
        Tensor total = _teacher is null ? entropy : ((1 - _options.DistillationWeight) * entropy) + (_options.DistillationWeight * Distance(output.Logits, x));
        double share = groups is null ? 1 : FollowPrices(network, output, groups);
        total.backward();
        _ = nn.utils.clip_grad_norm_(_trained, MaxGradientNorm);
        optimizer.step();
        return (entropy.ToDouble(), output.Logits.argmax(1).eq(labels).sum().ToDouble(), share);
    }

    // The dense phase: some of the images skip blocks at random, so that skipping them later takes little away.
    private LcNetOutput RunAnyDepth(LcNet network, Tensor x)
    {
        long skipping = _options.Gates.HasFlag(GateKinds.Layers) ? (long)(_options.AnyDepth * x.shape[0]) : 0;
        return new LcNetOutput(network.RunFrom(network.Blocks.Count, network.BlockInputs(x, skipping > 0 ? network.RandomRuns(x.shape[0], skipping) : null)[^1]), [], [], [], []);
    }

    // Moves the price of each group's effort towards the one that would have met its target. Returns what effort 1 cost, as a share of dense FLOPs.
    private static double FollowPrices(LcNet network, LcNetOutput output, List<EffortGroup> groups)
    {
        var solver = new PriceSolver(network.Cost, output);
        EffortPrice[] prices = [.. network.Prices];
        foreach (EffortGroup group in groups)
        {
            double wanted = solver.Solve(group.First, group.Count, group.TargetFlops);
            prices[group.Point] = prices[group.Point] with { Price = group.Price + (group.Momentum * (wanted - group.Price)) };
        }

        network.Prices = prices;
        return (double)solver.Flops(groups[0].First, groups[0].Count, groups[0].Price) / groups[0].Count / network.Cost.Dense;
    }

    // Cross-entropy against the teacher's probabilities: up to a constant the Kullback-Leibler divergence (Hinton et al. 2015, temperature 1).
    private Tensor Distance(Tensor logits, Tensor x)
    {
        Tensor taught;
        using (no_grad())
        {
            taught = functional.softmax(_teacher!.Forward(x, null).Logits, 1);
        }

        return functional.cross_entropy(logits, taught);
    }

    // Images of a batch that run at one effort, and what they may cost in the mean.
    private readonly record struct EffortGroup(int First, int Count, int Point, double Price, double Momentum, double TargetFlops);
}
