using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;

namespace LCNet.Training.Tests.Recipe;

/// <summary>What a network costs at the prices that training sets, counted by running it.</summary>
public sealed class PriceTests
{
    private static readonly ImageSet Images = RandomImages.Make(120, 16, 3);
    private static readonly int[] All = [.. Enumerable.Range(0, Images.Count)];

    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block, 0.8)]
    [InlineData(BlockKind.Basic, GateSpan.Model, 0.5)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Stage, 0.6)]
    public void Calibrate_AnyShare_IsWhatImagesCostAtEachEffort(BlockKind kind, GateSpan span, double budget)
    {
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(kind, span) with { MinEffort = 0.5 }, 31);
        PriceCalibrator.Set(network, new BatchReader(Images, RandomNetwork.Normalisation), All, effort => budget * effort);

        foreach (double effort in network.Prices.Select(point => point.Effort))
        {
            // One channel of one image more or less is the finest step; random networks have few channels.
            double share = Evaluation.Of(network, Images, All, RandomNetwork.Normalisation, effort).FlopsShare;
            Assert.InRange(share, (budget * effort) - 0.03, (budget * effort) + 0.005);
        }

        double[] prices = [.. network.Prices.Select(point => point.Price)];
        Assert.Equal(prices.OrderDescending(), prices);
    }

    [Fact]
    public void Flops_UtilitiesAsTheyAre_EqualsWhatTheNetworkPlans()
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        LcNet network = RandomNetwork.Shared(BlockKind.Bottleneck, GateSpan.Model);
        (torch.Tensor x, _) = new BatchReader(Images, RandomNetwork.Normalisation).Read(All, Augmentation.None, 0, new Random(1));
        foreach (float price in new[] { -10, -0.4f, 0, 0.3f, 1, 10 })
        {
            LcNetOutput output = network.Forward(x, torch.full(All.Length, 1, price));
            var solver = new PriceSolver(network.Cost, output);
            Assert.Equal(network.PlannedFlops(output).Skip(10).Take(50).Sum(), solver.Flops(10, 50, price));
        }
    }

    [Fact]
    public void Solve_AnyTarget_IsTheLowestPriceThatMeetsIt()
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        LcNet network = RandomNetwork.Shared(BlockKind.Basic, GateSpan.Block);
        (torch.Tensor x, _) = new BatchReader(Images, RandomNetwork.Normalisation).Read(All, Augmentation.None, 0, new Random(1));
        var solver = new PriceSolver(network.Cost, network.Forward(x, torch.zeros(All.Length, 1)));
        for (double share = 0.3; share <= 1; share += 0.1)
        {
            double target = share * network.Cost.Dense;
            double price = solver.Solve(0, All.Length, target);
            Assert.True(solver.Flops(0, All.Length, price) <= target * All.Length);
            Assert.True(share > 0.99 || solver.Flops(0, All.Length, price - 1e-3) > target * All.Length);
        }
    }
}
