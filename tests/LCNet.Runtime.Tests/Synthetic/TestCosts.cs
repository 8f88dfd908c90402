using LCNet.Bundles;
using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>Cost models that are known exactly.</summary>
internal static class TestCosts
{
    /// <summary>Every dispatch costs as much as some FLOPs of its own, besides those that it computes.</summary>
    /// <param name="bundle">The network.</param>
    /// <param name="maxImages">Most images of a batch.</param>
    /// <param name="launchShare">What a dispatch costs besides, as a share of one image's whole block; 0 joins nothing, a large share everything.</param>
    public static DispatchCosts Linear(Bundle bundle, int maxImages, double launchShare) => new(
        BatchWarmUp.Rows(maxImages),
        BatchWarmUp.Channels(bundle.Manifest),
        (block, rows, channels) =>
            (launchShare * bundle.Flops.Block(block, bundle.Manifest.Blocks[block].Channels)) + (rows * (double)bundle.Flops.Block(block, channels)));
}
