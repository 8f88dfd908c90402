using LCNet.Bundles;
using LCNet.Training.Networks;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>Bundles of random networks, and images for them.</summary>
internal static class TestBundles
{
    /// <summary>Five basic blocks: two projections, with identities before, between and behind them.</summary>
    public static Bundle Basic(TemporaryFolder folder, bool half = false) =>
        RandomNetwork.Export(BasicNetwork.Value, folder.Path, "basic", half: half);

    /// <summary>Four bottleneck blocks, the first and the third with projections, in two spans.</summary>
    public static Bundle Bottleneck(TemporaryFolder folder, bool half = false) =>
        RandomNetwork.Export(RandomNetwork.Shared(BlockKind.Bottleneck, GateSpan.Stage), folder.Path, "bottleneck", half: half);

    /// <summary>The network of <see cref="Basic"/>.</summary>
    public static Lazy<LcNet> BasicNetwork { get; } = new(() => RandomNetwork.Make(
        RandomNetwork.Tiny(BlockKind.Basic, GateSpan.Block) with { BlocksPerStage = [2, 1, 2] }, 51));

    /// <summary>Different images, as the network takes them.</summary>
    public static float[][] Images(Bundle bundle, int count, int seed)
    {
        InputSpec input = bundle.Manifest.Input;
        Training.Data.ImageSet images = RandomImages.Make(count, input.Width, seed);
        float[][] result = new float[count][];
        for (int i = 0; i < count; i++)
        {
            result[i] = new float[input.Length];
            Imaging.Pixels.Normalise(images.Pixels(i), input.Mean, input.Std, result[i]);
        }

        return result;
    }

    /// <summary>Random saliences: 0 with one probability, 1 with another, fractions otherwise.</summary>
    public static float[] Saliences(Random random, int count, double open)
    {
        float[] saliences = new float[count];
        for (int i = 0; i < count; i++)
        {
            saliences[i] = random.NextDouble() >= open ? 0 : random.Next(3) == 0 ? 1 : 1 - random.NextSingle();
        }

        return saliences;
    }
}
