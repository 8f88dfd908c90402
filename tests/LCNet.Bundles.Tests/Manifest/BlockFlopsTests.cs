namespace LCNet.Bundles.Tests;

public class BlockFlopsTests
{
    [Fact]
    public void At_AnyNumberOfChannels_EqualsTheSumOverConvolutions() => SyntheticNetwork.Any.Sample(manifest =>
    {
        foreach (BlockSpec block in manifest.Blocks)
        {
            for (int kept = 0; kept <= block.Channels; kept++)
            {
                Assert.Equal(BruteForce.Block(block, kept), block.Flops.At(kept));
            }
        }
    });

    [Fact]
    public void At_LargeBlock_DoesNotOverflowAnInt()
    {
        // ResNet-50's last bottleneck on a large image: 2048 → 512 → 2048 on 56×56.
        const long Pixels = 56 * 56;
        var flops = new BlockFlops(0, 2 * Pixels * (2048 + 2048), 18 * Pixels);
        long expected = (2 * Pixels * 2048 * 512 * 2) + (2 * Pixels * 9 * 512 * 512);
        Assert.Equal(expected, flops.At(512));
        Assert.True(expected > int.MaxValue);
    }
}
