using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Networks;

/// <summary>The part of the loss that drives expected FLOPs to the effort's budget.</summary>
internal static class FlopsLoss
{
    private const double Temperature = 0.4;

    /// <summary>1 where a margin is above 0 and 0 elsewhere, with the gradient of a sigmoid (straight-through estimator).</summary>
    public static Tensor Keep(Tensor margin)
    {
        Tensor soft = sigmoid(margin / Temperature);
        Tensor hard = (margin > 0).to_type(ScalarType.Float32);
        return soft + (hard - soft).detach();
    }

    /// <summary>The squared relative distance of a group's mean FLOPs share from its target, over groups of images with one effort.</summary>
    /// <param name="share">[N]: the share of dense FLOPs of each image.</param>
    /// <param name="groups">Where each group begins in the batch, how long it is, and its target share.</param>
    public static Tensor Budget(Tensor share, IReadOnlyList<(int First, int Count, double Target)> groups)
    {
        Tensor loss = zeros(1);
        int total = groups.Sum(group => group.Count);
        foreach ((int first, int count, double target) in groups)
        {
            Tensor error = (share.narrow(0, first, count).mean() / target) - 1;
            loss += error * error * ((double)count / total);
        }

        return loss.squeeze();
    }
}
