using System.Globalization;

namespace LCNet.Training.Networks;

/// <summary>How many blocks one gate decides at once: it sees the activation that enters the span.</summary>
public enum GateSpan
{
    /// <summary>A gate in front of every block (the form of the LC-Net paper).</summary>
    Block,

    /// <summary>A gate in front of every stage, that is of every group of blocks at one resolution.</summary>
    Stage,

    /// <summary>One gate after the stem for the whole backbone.</summary>
    Model,
}

/// <summary>The residual block of a network.</summary>
public enum BlockKind
{
    /// <summary>Two 3×3 convolutions; the inner channels lie between them.</summary>
    Basic,

    /// <summary>1×1, 3×3 and 1×1 convolutions with four times as many output as inner channels.</summary>
    Bottleneck,
}

/// <summary>What stands in front of the residual blocks.</summary>
public enum StemKind
{
    /// <summary>One 3×3 convolution at full resolution.</summary>
    Cifar,

    /// <summary>A 7×7 convolution of stride 2, then a 3×3 max pool of stride 2: a quarter of the resolution.</summary>
    ImageNet,
}

/// <summary>Which gates a network has. One that it lacks is open for every image.</summary>
[Flags]
public enum GateKinds
{
    /// <summary>None: the static network.</summary>
    None = 0,

    /// <summary>L-Net, which skips blocks.</summary>
    Layers = 1,

    /// <summary>C-Net, which skips channels.</summary>
    Channels = 2,

    /// <summary>L-Net and C-Net.</summary>
    Both = Layers | Channels,
}

/// <summary>Where one residual block stands: its shapes, in channels and pixels.</summary>
/// <param name="InputChannels">Channels that enter.</param>
/// <param name="InnerChannels">Channels that the C-Net chooses from.</param>
/// <param name="OutputChannels">Channels that leave.</param>
/// <param name="Stride">Stride of the block's convolution that changes resolution, and of its projection.</param>
/// <param name="InputSize">Height and width of the map that enters.</param>
/// <param name="OutputSize">Height and width of the map that leaves.</param>
public sealed record BlockShape(int InputChannels, int InnerChannels, int OutputChannels, int Stride, int InputSize, int OutputSize)
{
    /// <summary>Whether the shortcut passes its input on unchanged.</summary>
    public bool IdentityShortcut => Stride == 1 && InputChannels == OutputChannels;

    /// <summary>Whether the stride of a bottleneck lies in its first convolution instead of its second.</summary>
    public bool StridesFirst { get; init; }
}

/// <summary>The architecture of a residual network and of its gates.</summary>
public sealed record ResNetSpec
{
    private const int MaxWidth = 4096;
    private const int MaxBlocks = 256;

    /// <summary>Block kind of every block.</summary>
    public BlockKind Kind { get; init; } = BlockKind.Basic;

    /// <summary>What stands in front of the first block.</summary>
    public StemKind Stem { get; init; } = StemKind.Cifar;

    /// <summary>Which gates there are.</summary>
    public GateKinds Gates { get; init; } = GateKinds.Both;

    /// <summary>
    /// Blocks in each stage; the resolution halves from stage to stage. The first stage may have none: then its width is that of the stem, and
    /// the first block halves the resolution.
    /// </summary>
    public required IReadOnlyList<int> BlocksPerStage { get; init; }

    /// <summary>Output channels of the stem, and inner channels of the first stage where <see cref="Widths"/> says nothing else.</summary>
    public int Width { get; init; } = 16;

    /// <summary>Inner channels of each stage; null where they double from stage to stage.</summary>
    public IReadOnlyList<int>? Widths { get; init; }

    /// <summary>Inner channels of each block, where some were cut out (<see cref="LcNet.WithChannels"/>); null where each has its stage's width.</summary>
    public IReadOnlyList<int>? InnerChannels { get; init; }

    /// <summary>Units of the hidden layer of each L-Net gate; 0 for none.</summary>
    public int HiddenUnits { get; init; }

    /// <summary>The least effort that has a price of its own, in (0, 1).</summary>
    public double MinEffort { get; init; } = 0.5;

    /// <summary>
    /// Whether a bottleneck that changes resolution does so in its first 1×1 convolution (He et al. 2016, "v1") instead of its 3×3 one (torchvision, "v1.5").
    /// Without a meaning for basic blocks.
    /// </summary>
    public bool StridesFirst { get; init; }

    /// <summary>Number of classes.</summary>
    public required int Classes { get; init; }

    /// <summary>Height and width of the input image in pixels.</summary>
    public int InputSize { get; init; } = 32;

    /// <summary>Which blocks a gate decides.</summary>
    public GateSpan Span { get; init; } = GateSpan.Block;

    /// <summary>Height and width of the map that enters the first block.</summary>
    public int StemSize => Stem == StemKind.Cifar ? InputSize : Half(Half(InputSize));

    /// <summary>Reads stages such as <c>2x16,2x32,2x64</c>: blocks × width of each, the widths being inner channels.</summary>
    /// <param name="text">At least one stage; only the first may have 0 blocks, where another follows.</param>
    /// <param name="stages">Blocks and width of each stage; empty where the text is none.</param>
    /// <returns>Whether the text says stages.</returns>
    public static bool TryParseStages(string text, out IReadOnlyList<(int Blocks, int Width)> stages)
    {
        ArgumentNullException.ThrowIfNull(text);
        var read = new List<(int Blocks, int Width)>();
        stages = [];
        foreach (string part in text.Split(','))
        {
            string[] numbers = part.Split('x');
            if (numbers.Length != 2
                || !int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int blocks)
                || !int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
                || width is < 1 or > MaxWidth
                || blocks > MaxBlocks
                || (blocks == 0 && read.Count > 0))
            {
                return false;
            }

            read.Add((blocks, width));
        }

        if (read[^1].Blocks == 0)
        {
            return false;
        }

        stages = read;
        return true;
    }

    /// <summary>The ImageNet ResNet of He et al. 2016 with 18, 34 or 50 layers.</summary>
    /// <exception cref="ArgumentException">The depth is another.</exception>
    public static ResNetSpec ImageNet(int depth, int width, int classes, GateSpan span = GateSpan.Block) => new()
    {
        Kind = depth == 50 ? BlockKind.Bottleneck : BlockKind.Basic,
        Stem = StemKind.ImageNet,
        BlocksPerStage = depth switch
        {
            18 => [2, 2, 2, 2],
            34 or 50 => [3, 4, 6, 3],
            _ => throw new ArgumentException($"An ImageNet ResNet has 18, 34 or 50 layers here, not {depth}.", nameof(depth)),
        },
        Width = width,
        Classes = classes,
        InputSize = 224,
        Span = span,
    };

    /// <summary>The shapes of all blocks in order.</summary>
    public IReadOnlyList<BlockShape> Blocks()
    {
        var shapes = new List<BlockShape>();
        int expansion = Kind == BlockKind.Bottleneck ? 4 : 1;
        int channels = Width;
        int size = StemSize;
        for (int stage = 0; stage < BlocksPerStage.Count; stage++)
        {
            int width = WidthOf(stage);
            for (int block = 0; block < BlocksPerStage[stage]; block++)
            {
                int inner = InnerChannels?[shapes.Count] ?? width;
                int stride = stage > 0 && block == 0 ? 2 : 1;
                int halved = stride == 1 ? size : Half(size);
                shapes.Add(new BlockShape(channels, inner, width * expansion, stride, size, halved) { StridesFirst = StridesFirst && Kind == BlockKind.Bottleneck });
                channels = width * expansion;
                size = halved;
            }
        }

        return shapes;
    }

    /// <summary>Whether two networks differ in their gates and the size of their input at most.</summary>
    public bool HasBackboneOf(ResNetSpec other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return (Kind, Stem, Classes) == (other.Kind, other.Stem, other.Classes) && (StridesFirst == other.StridesFirst || Kind == BlockKind.Basic) && Blocks().Select(Channels).SequenceEqual(other.Blocks().Select(Channels));
    }

    /// <summary>The gate spans in order, each as the index of its first block and its length.</summary>
    public IReadOnlyList<(int First, int Count)> Spans()
    {
        int total = BlocksPerStage.Sum();
        switch (Span)
        {
            case GateSpan.Block:
                return [.. Enumerable.Range(0, total).Select(block => (block, 1))];
            case GateSpan.Stage:
                var spans = new List<(int, int)>();
                foreach (int count in BlocksPerStage)
                {
                    spans.Add((spans.Sum(span => span.Item2), count));
                }

                return spans;
            default:
                return [(0, total)];
        }
    }

    private static (int Input, int Inner, int Stride) Channels(BlockShape shape) => (shape.InputChannels, shape.InnerChannels, shape.Stride);

    private int WidthOf(int stage) => Widths?[stage] ?? (Width << stage);

    private static int Half(int size) => (size + 1) / 2;
}
