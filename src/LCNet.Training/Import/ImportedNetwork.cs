using LCNet.Training.Data;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using static TorchSharp.torch;

namespace LCNet.Training.Import;

/// <summary>A residual network that was read from another tool's file: its architecture, its weights, and what the file says of its input. Immutable, thread-safe.</summary>
public sealed class ImportedNetwork
{
    private const int Expansion = 4;

    /// <summary>How torchvision and timm normalise pixels for most of their networks.</summary>
    public static readonly Normalisation ImageNet = new([0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);

    private readonly ImportedConv _stem;
    private readonly IReadOnlyList<IReadOnlyList<ImportedBlock>> _stages;
    private readonly ImportedHead? _head;

    /// <summary>Takes what a reader found, and makes sure that it is a network that <see cref="LcNet"/> can be.</summary>
    /// <param name="format">What kind of file it was, in words.</param>
    /// <param name="stages">Blocks by stage; the resolution halves from one to the next. The first may have none, where the first block halves it.</param>
    /// <param name="head">The classifier, [classes, features]; null where the file has none.</param>
    /// <exception cref="NotSupportedException">It is another kind of network; the message names the part that does not fit.</exception>
    internal ImportedNetwork(string format, ImportedConv stem, IReadOnlyList<IReadOnlyList<ImportedBlock>> stages, ImportedHead? head)
    {
        Format = format;
        _stem = stem;
        _stages = stages;
        _head = head;
        Stem = StemOf(stem);
        Kind = stages[^1][0].Branch.Count == 2 ? BlockKind.Basic : BlockKind.Bottleneck;
        Widths = [.. stages.Select(stage => stage.Count > 0 ? stage[0].Branch[0].Outputs : stem.Outputs)];
        int channels = stem.Outputs;
        for (int stage = 0; stage < stages.Count; stage++)
        {
            for (int block = 0; block < stages[stage].Count; block++)
            {
                CheckBlock(stages[stage][block], channels, Widths[stage], stage > 0 && block == 0);
                channels = stages[stage][block].Branch[^1].Outputs;
            }
        }

        Features = channels;
        if (head is not null)
        {
            CheckHead(head, channels);
            Classes = head.Weight.Shape[0];
        }
    }

    /// <summary>What kind of file it was, in words.</summary>
    public string Format { get; }

    /// <summary>What stands in front of the first block.</summary>
    public StemKind Stem { get; }

    /// <summary>The residual block.</summary>
    public BlockKind Kind { get; }

    /// <summary>Blocks in each stage.</summary>
    public IReadOnlyList<int> BlocksPerStage => [.. _stages.Select(stage => stage.Count)];

    /// <summary>Inner channels of each stage.</summary>
    public IReadOnlyList<int> Widths { get; }

    /// <summary>Channels that the stem gives.</summary>
    public int StemWidth => _stem.Outputs;

    /// <summary>Channels that the last block gives.</summary>
    public int Features { get; }

    /// <summary>Classes of the classifier; null where the file has none.</summary>
    public int? Classes { get; }

    /// <summary>Height and width of the input in pixels; null where the file does not say.</summary>
    public int? InputSize { get; internal init; }

    /// <summary>How pixels are normalised, in RGB order; null where the file does not say.</summary>
    public Normalisation? Normalisation { get; internal init; }

    /// <summary>Whether the stride of a bottleneck lies in its first convolution, as <see cref="ResNetSpec.StridesFirst"/>; null where the file does not say.</summary>
    public bool? StridesFirst { get; internal init; }

    /// <summary>Whether some convolutions hold their batch norm folded into themselves: then its statistics have to be measured before the network is trained on.</summary>
    public bool IsFolded => Convolutions().Any(convolution => convolution.Norm is null);

    /// <summary>The architecture, with a classifier for so many classes and without gates.</summary>
    /// <param name="inputSize">Height and width of the input in pixels.</param>
    public ResNetSpec Spec(int classes, int inputSize) => new()
    {
        Kind = Kind,
        Stem = Stem,
        BlocksPerStage = BlocksPerStage,
        Width = _stem.Outputs,
        Widths = Widths,
        Classes = classes,
        InputSize = inputSize,
        StridesFirst = StridesFirst ?? false,
        Gates = GateKinds.None,
    };

    /// <summary>The network, ready to be trained on: a classifier of another number of classes begins at random, drawn from torch's random generator.</summary>
    /// <param name="spec">A network of <see cref="Spec"/>'s backbone.</param>
    /// <param name="normalisation">How the file's network wants pixels normalised, in RGB order.</param>
    /// <returns>The network, which wants pixels normalised as <see cref="Normalised"/> says.</returns>
    public LcNet ToNetwork(ResNetSpec spec, Normalisation normalisation, bool isBgr)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(normalisation);
        var network = new LcNet(spec);
        CopyTo(network, isBgr);

        // Gradients of the stem grow with what it reads: pixels of 0 ... 255 would need a learning rate of their own.
        network.Stem.ScaleInputs([.. ImageNet.Std.Zip(normalisation.Std, (ours, theirs) => ours / theirs)]);
        return network;
    }

    /// <summary>How a network of <see cref="ToNetwork"/> wants pixels normalised: with the same means, and <see cref="ImageNet"/>'s deviations.</summary>
    /// <param name="normalisation">How the file's network does.</param>
    public static Normalisation Normalised(Normalisation normalisation)
    {
        ArgumentNullException.ThrowIfNull(normalisation);
        return normalisation with { Std = ImageNet.Std };
    }

    /// <summary>Copies the weights into a network of this architecture. A classifier of another number of classes is left out.</summary>
    /// <param name="network">A network of <see cref="Spec"/>'s backbone.</param>
    /// <param name="isBgr">Whether the first convolution reads blue first: its channels are turned round, as ours read RGB.</param>
    /// <returns>Whether the classifier was copied too.</returns>
    internal bool CopyTo(LcNet network, bool isBgr)
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Load(network.Stem, _stem, isBgr);
        foreach ((ResidualBlock target, ImportedBlock source) in network.Blocks.Zip(_stages.SelectMany(stage => stage)))
        {
            Load(target.First, source.Branch[0], isBgr: false);
            Load(target.Last, source.Branch[^1], isBgr: false);
            if (target.Middle is not null)
            {
                Load(target.Middle, source.Branch[1], isBgr: false);
            }

            if (target.Projection is not null)
            {
                Load(target.Projection, source.Projection!, isBgr: false);
            }
        }

        if (_head is null || Classes != network.Spec.Classes)
        {
            return false;
        }

        network.Head.weight!.copy_(_head.Weight.ToTensor());
        network.Head.bias!.copy_(_head.Bias?.ToTensor() ?? zeros(network.Spec.Classes));
        return true;
    }

    private static void Load(ConvBn target, ImportedConv source, bool isBgr)
    {
        Tensor weight = source.Weight.ToTensor();
        target.Load(isBgr ? weight.flip(1) : weight, source.Norm, source.Bias);
    }

    private static StemKind StemOf(ImportedConv stem) => (stem.Kernel, stem.Inputs) switch
    {
        (_, not 3) => throw new NotSupportedException($"{stem.Name}: reads {stem.Inputs} channels, not the three of a colour image."),
        (7, _) => StemKind.ImageNet,
        (3, _) => StemKind.Cifar,
        _ => throw new NotSupportedException($"{stem.Name}: a stem is one 7×7 convolution with a max pool behind it, or one 3×3 convolution; this one is {stem.Kernel}×{stem.Kernel}."),
    };

    private void CheckBlock(ImportedBlock block, int inputs, int width, bool isStrided)
    {
        int expansion = Kind == BlockKind.Basic ? 1 : Expansion;
        (int Inputs, int Outputs, int Kernel)[] expected = Kind == BlockKind.Basic
            ? [(inputs, width, 3), (width, width, 3)]
            : [(inputs, width, 1), (width, width, 3), (width, width * expansion, 1)];
        if (block.Branch.Count != expected.Length)
        {
            throw new NotSupportedException($"{block.Name}: {block.Branch.Count} convolutions, and the first block has {expected.Length}; all blocks must be of one kind.");
        }

        foreach ((ImportedConv convolution, (int Inputs, int Outputs, int Kernel) shape) in block.Branch.Zip(expected))
        {
            Check(convolution, shape);
        }

        bool needsProjection = isStrided || inputs != width * expansion;
        if (needsProjection != block.Projection is not null)
        {
            throw new NotSupportedException(needsProjection
                ? $"{block.Name}: no projection in its shortcut, though its input has another shape than its output."
                : $"{block.Name}: a projection in its shortcut, where input and output have the same shape.");
        }

        if (block.Projection is not null)
        {
            Check(block.Projection, (inputs, width * expansion, 1));
        }
    }

    private static void Check(ImportedConv convolution, (int Inputs, int Outputs, int Kernel) expected)
    {
        if (convolution.Kernel != expected.Kernel)
        {
            throw new NotSupportedException($"{convolution.Name}: a {convolution.Kernel}×{convolution.Kernel} convolution where {expected.Kernel}×{expected.Kernel} is expected.");
        }

        if (convolution.Inputs != expected.Inputs && convolution.Inputs > 0 && expected.Inputs % convolution.Inputs == 0)
        {
            throw new NotSupportedException($"{convolution.Name}: {expected.Inputs / convolution.Inputs} groups, as in ResNeXt; only convolutions of one group can be imported.");
        }

        if (convolution.Inputs != expected.Inputs || convolution.Outputs != expected.Outputs)
        {
            throw new NotSupportedException(
                $"{convolution.Name}: {convolution.Inputs} to {convolution.Outputs} channels, where its stage needs {expected.Inputs} to {expected.Outputs} "
                + "(one width a stage, and four times as many output as inner channels in a bottleneck).");
        }
    }

    private static void CheckHead(ImportedHead head, int features)
    {
        if (head.Weight.Shape is not [int classes, int inputs])
        {
            throw new NotSupportedException($"{head.Name}: of shape {string.Join('×', head.Weight.Shape)}, where classes × features are expected.");
        }

        if (inputs != features)
        {
            throw new NotSupportedException($"{head.Name}: reads {inputs} features, and the last block has {features}.");
        }

        if (head.Bias is not null && head.Bias.Values.Length != classes)
        {
            throw new NotSupportedException($"{head.Name}: {classes} classes, and a bias of {head.Bias.Values.Length} values.");
        }
    }

    private IEnumerable<ImportedConv> Convolutions() =>
        [_stem, .. _stages.SelectMany(stage => stage).SelectMany(block => block.Projection is null ? block.Branch : [.. block.Branch, block.Projection])];
}
