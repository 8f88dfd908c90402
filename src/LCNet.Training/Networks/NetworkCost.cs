using LCNet.Bundles;

namespace LCNet.Training.Networks;

/// <summary>FLOPs of a network's parts, from its shapes (2 × multiply-accumulates of convolutions and linear layers).</summary>
public sealed class NetworkCost
{
    private readonly int[] _channels;

    /// <summary>Counts the network of <paramref name="spec"/>.</summary>
    public NetworkCost(ResNetSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        IReadOnlyList<BlockShape> shapes = spec.Blocks();
        _channels = [.. shapes.Select(shape => shape.InnerChannels)];
        Stem = StemFlops(spec);
        Head = 2L * shapes[^1].OutputChannels * spec.Classes;
        Blocks = [.. shapes.Select(shape => ResidualBlock.CountFlops(spec.Kind == BlockKind.Bottleneck, shape))];
        Gates = [.. spec.Spans().Select(span => GateFlops(
            shapes[span.First].InputChannels, spec.HiddenUnits, span.Count, shapes.Skip(span.First).Take(span.Count).Sum(shape => shape.InnerChannels), spec.Gates))];
        Dense = Stem + Head + shapes.Select((shape, i) => Blocks[i].At(shape.InnerChannels)).Sum();
        Cheapest = Stem + Head + Gates.Sum() + Blocks.Sum(block => block.Shortcut);
    }

    /// <summary>The stem.</summary>
    public long Stem { get; }

    /// <summary>The classifier behind the last block.</summary>
    public long Head { get; }

    /// <summary>FLOPs of each block, in the network's order.</summary>
    public IReadOnlyList<BlockFlops> Blocks { get; }

    /// <summary>Each span's gates: linear layers from C + 1 inputs (the price is one) to a salience for each block and channel.</summary>
    public IReadOnlyList<long> Gates { get; }

    /// <summary>The static network: every block, every channel, no gates.</summary>
    public long Dense { get; }

    /// <summary>The gated network with every block skipped.</summary>
    public long Cheapest { get; }

    /// <summary>What a block costs with all its channels, its shortcut aside.</summary>
    /// <param name="block">Index of the block.</param>
    public long OfBlock(int block) => Blocks[block].At(_channels[block]) - Blocks[block].Shortcut;

    // The price passes through a hidden layer as one more unit.
    private static long GateFlops(int features, int hidden, int blocks, int channels, GateKinds gates)
    {
        long layers = hidden > 0 && gates.HasFlag(GateKinds.Layers)
            ? ((features + 1L) * (hidden + 1)) + ((hidden + 1L) * blocks)
            : (features + 1L) * blocks;
        return 2 * (layers + ((features + 1L) * channels));
    }

    private static long StemFlops(ResNetSpec spec)
    {
        (int size, int kernel) = spec.Stem == StemKind.Cifar ? (spec.InputSize, 3) : ((spec.InputSize + 1) / 2, 7);
        return 2L * size * size * 3 * kernel * kernel * spec.Width;
    }
}
