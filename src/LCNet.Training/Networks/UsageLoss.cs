using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Networks;

/// <summary>The part of the loss that keeps L-Net gates deciding by image: a gate that is open, or shut, for all images is pulled back.</summary>
/// <remarks>
/// A bounded shift alone does not do it: a gate's standardised score may have a short tail on one side. Here the mean margin of the
/// tenth of images that are closest to being skipped must be below 0, and that of the tenth at the other end above it. The gradient does not
/// fade with the distance.
/// </remarks>
internal static class UsageLoss
{
    private const double Slack = 0.1;

    /// <summary>The sum over gates of how far their extreme tenths are on the wrong side.</summary>
    /// <param name="margins">[N, blocks], of images with one effort.</param>
    public static Tensor Varied(Tensor margins)
    {
        int extreme = (int)Math.Max(1, margins.shape[0] / 10);
        Tensor lowest = margins.topk(extreme, dim: 0, largest: false).values.mean([0]);
        Tensor highest = margins.topk(extreme, dim: 0, largest: true).values.mean([0]);
        return ((lowest + Slack).clamp_min(0) + (Slack - highest).clamp_min(0)).sum();
    }
}
