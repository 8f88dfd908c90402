namespace LCNet.Bundles.Tests;

/// <summary>FLOPs counted from shapes, one filter at a time, and never from the coefficients in the manifest.</summary>
internal static class BruteForce
{
    public static long Convolution(int inputs, int outputs, int kernel, int pixels)
    {
        long flops = 0;
        for (int output = 0; output < outputs; output++)
        {
            for (int input = 0; input < inputs; input++)
            {
                flops += 2L * kernel * kernel * pixels;
            }
        }

        return flops;
    }

    public static long Shortcut(BlockSpec block) =>
        block.ShortcutFile is null ? 0 : Convolution(block.Input.Channels, block.Output.Channels, 1, Area(block.Output));

    public static long Block(BlockSpec block, int kept)
    {
        int area = Area(block.Output);
        return Shortcut(block) + block.Kind switch
        {
            BlockSpec.Basic => Convolution(block.Input.Channels, kept, 3, area) + Convolution(kept, block.Output.Channels, 3, area),
            BlockSpec.Bottleneck => Convolution(block.Input.Channels, kept, 1, Area(block.Input))
                + Convolution(kept, kept, 3, area)
                + Convolution(kept, block.Output.Channels, 1, area),
            _ => throw new ArgumentException(block.Kind, nameof(block)),
        };
    }

    /// <summary>A plan with the given number of kept channels in each block: stem, every gate, every block and the head.</summary>
    public static long Total(BundleManifest manifest, IReadOnlyList<int> kept)
    {
        long flops = manifest.Stem.Flops + manifest.Head.Flops;
        for (int i = 0; i < manifest.Spans.Count; i++)
        {
            flops += manifest.Spans[i].Flops;
        }

        for (int i = 0; i < manifest.Blocks.Count; i++)
        {
            flops += Block(manifest.Blocks[i], kept[i]);
        }

        return flops;
    }

    private static int Area(MapShape shape) => shape.Height * shape.Width;
}
