using System.Text.Json.Serialization;
using LCNet.Training.Data;
using LCNet.Training.Networks;

namespace LCNet.Training.Recipe;

/// <summary>Everything that decides the result of a training, besides the images.</summary>
public sealed record TrainingOptions
{
    private const int SmallSide = 64;

    /// <summary>What stands in front of the first block: <see cref="StemKind.Cifar"/> for small images, <see cref="StemKind.ImageNet"/> for large ones.</summary>
    public StemKind Stem { get; init; } = StemKind.Cifar;

    /// <summary>The residual block.</summary>
    public BlockKind Block { get; init; } = BlockKind.Basic;

    /// <summary>Blocks × width of each stage, as <see cref="ResNetSpec.TryParseStages"/> reads them.</summary>
    public string Stages { get; init; } = "0x24,1x40,2x80,6x160";

    /// <summary>Channels that the stem gives; null for as many as the first stage's width.</summary>
    public int? StemWidth { get; init; }

    /// <summary>Height and width of the input in pixels.</summary>
    public int InputSize { get; init; } = 32;

    /// <summary>Whether a bottleneck's stride lies in its first convolution, as <see cref="ResNetSpec.StridesFirst"/>.</summary>
    public bool StridesFirst { get; init; }

    /// <summary>How pixels are normalised; null for the mean and deviation of the training images.</summary>
    public Normalisation? Normalisation { get; init; }

    /// <summary>Whether the images are photos, of inputs above 64 pixels, instead of small pictures.</summary>
    [JsonIgnore]
    public bool ArePhotos => InputSize > SmallSide;

    /// <summary>Which blocks a gate decides.</summary>
    public GateSpan Span { get; init; } = GateSpan.Block;

    /// <summary>Which gates are trained; the others stay open.</summary>
    public GateKinds Gates { get; init; } = GateKinds.Both;

    /// <summary>Passes over the training images, dense phase included.</summary>
    public int Epochs { get; init; } = 48;

    /// <summary>Share of the epochs that come before gates, in [0, 1); at least one epoch has gates where the recipe has any.</summary>
    public double DenseShare { get; init; } = 0.8;

    /// <summary>Epochs without gates, by <see cref="DenseShare"/>.</summary>
    [JsonIgnore]
    public int DenseEpochs => Gates == GateKinds.None ? Epochs : Math.Min(Epochs - 1, (int)Math.Round(DenseShare * Epochs));

    /// <summary>Images of a step's batch.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>What training steps compute in. It decides the result as every other value does: a checkpoint is resumed with its own.</summary>
    public Precision Precision { get; init; }

    /// <summary>Peak learning rate, reached after a linear warm-up; it falls linearly to 0 from there.</summary>
    public double LearningRate { get; init; } = 0.25;

    /// <summary>Share of the steps in which the learning rate rises, in (0, 1).</summary>
    public double WarmUp { get; init; } = 0.15;

    /// <summary>L2 penalty on the weights of the backbone's convolutions and head.</summary>
    public double WeightDecay { get; init; } = 5e-4;

    /// <summary>Label smoothing, in [0, 1).</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>Target of mean planned FLOPs at effort 1, as a share of the dense network's. At effort e it is e times as much.</summary>
    public double Budget { get; init; } = 0.58;

    /// <summary>Lowest effort that is trained, in (0, 1); below it a network stays as it is there.</summary>
    public double MinEffort { get; init; } = 0.5;

    /// <summary>
    /// Share of the images of the dense phase that skip blocks with an identity shortcut at random, in [0, 1]; none where there is no L-Net.
    /// </summary>
    public double AnyDepth { get; init; } = 0.4;

    /// <summary>Share of the gated phase in which the target falls from dense FLOPs to the budget, in (0, 1].</summary>
    public double Tightening { get; init; } = 0.6;

    /// <summary>Units of the hidden layer of each L-Net gate; 0 for none.</summary>
    public int HiddenUnits { get; init; } = 16;

    /// <summary>Learning rate of batch norm and biases as a multiple of that of the weights, above 0.</summary>
    public double BiasRate { get; init; } = 8;

    /// <summary>Whether the stem's convolution begins as the principal components of the training images' patches, instead of at random.</summary>
    public bool PatchStem { get; init; } = true;

    /// <summary>
    /// Decay a step of the exponential moving average of weights that is evaluated and exported, in [0, 1); 0 for the last weights.
    /// </summary>
    public double Averaging { get; init; } = 0.995;

    /// <summary>SHA-256 of the checkpoint, or of another tool's file, whose weights training starts from; null to start from random ones.</summary>
    public string? Initial { get; init; }

    /// <summary>
    /// Whether batch norm's statistics are measured on training images before the first step, which leaves what the network computes as it is: for weights from other
    /// images, or from a file that has no statistics.
    /// </summary>
    public bool MeasureStatistics { get; init; }

    /// <summary>
    /// Share of the loss that comes from a teacher's outputs, in [0, 1], above 0 where there is one. Without a teacher it is the network's own dense outputs at
    /// the end of the dense phase that the gated phase learns from.
    /// </summary>
    public double DistillationWeight { get; init; }

    /// <summary>SHA-256 of the checkpoint whose dense outputs training learns from; null for none.</summary>
    public string? Teacher { get; init; }

    /// <summary>Share of each class held back for validation, in (0, 1).</summary>
    public double ValidationFraction { get; init; } = 0.1;

    /// <summary>
    /// Whether an epoch takes as many images of each class as of any other: some of large classes are left out, and those of small ones taken several times.
    /// </summary>
    public bool BalancedClasses { get; init; }

    /// <summary>Seed of weights, order, augmentation and efforts.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Random changes to training images.</summary>
    public Augmentation Augmentation { get; init; } = new() { EraseProbability = 0.25 };

    /// <summary>The architecture for a number of classes.</summary>
    /// <exception cref="InvalidOperationException"><see cref="Stages"/> says none.</exception>
    public ResNetSpec Architecture(int classes)
    {
        IReadOnlyList<(int Blocks, int Width)> stages = ResNetSpec.TryParseStages(Stages, out IReadOnlyList<(int Blocks, int Width)> read)
            ? read
            : throw new InvalidOperationException(StagesProblem);
        return new ResNetSpec
        {
            Kind = Block,
            Stem = Stem,
            BlocksPerStage = [.. stages.Select(stage => stage.Blocks)],
            Width = StemWidth ?? stages[0].Width,
            Widths = [.. stages.Select(stage => stage.Width)],
            Classes = classes,
            InputSize = InputSize,
            Span = Span,
            Gates = Gates,
            HiddenUnits = HiddenUnits,
            MinEffort = MinEffort,
            StridesFirst = StridesFirst,
        };
    }

    /// <summary>Every value that is out of range, one line each; empty when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        void Check(bool good, string problem)
        {
            if (!good)
            {
                problems.Add(problem);
            }
        }

        Check(ResNetSpec.TryParseStages(Stages, out _), StagesProblem);
        Check(InputSize is >= 8 and <= 512, $"input size: 8 to 512, not {InputSize}");
        Check(Epochs >= 1, $"epochs: at least 1, not {Epochs}");
        Check(DenseShare is >= 0 and < 1, $"dense share: [0, 1), not {DenseShare}");
        Check(BatchSize >= 8, $"batch size: at least 8, not {BatchSize}");
        Check(LearningRate > 0 && double.IsFinite(LearningRate), $"learning rate: above 0, not {LearningRate}");
        Check(WarmUp is > 0 and < 1, $"warm-up: (0, 1), not {WarmUp}");
        Check(WeightDecay >= 0 && double.IsFinite(WeightDecay), $"weight decay: at least 0, not {WeightDecay}");
        Check(LabelSmoothing is >= 0 and < 1, $"label smoothing: [0, 1), not {LabelSmoothing}");
        Check(Budget is > 0 and <= 1, $"budget: (0, 1], not {Budget}");
        Check(MinEffort is > 0 and < 1, $"lowest effort: (0, 1), not {MinEffort}");
        Check(AnyDepth is >= 0 and <= 1, $"any depth: [0, 1], not {AnyDepth}");
        Check(Tightening is > 0 and <= 1, $"tightening: (0, 1], not {Tightening}");
        Check(HiddenUnits is >= 0 and <= 1024, $"hidden units: 0 to 1024, not {HiddenUnits}");
        Check(BiasRate > 0 && double.IsFinite(BiasRate), $"bias rate: above 0, not {BiasRate}");
        Check(Averaging is >= 0 and < 1, $"averaging: [0, 1), not {Averaging}");
        Check(DistillationWeight is >= 0 and <= 1, $"distillation weight: [0, 1], not {DistillationWeight}");
        Check(ValidationFraction is > 0 and < 1, $"validation fraction: (0, 1), not {ValidationFraction}");
        Check(Augmentation.CropPadding >= 0, $"crop padding: at least 0, not {Augmentation.CropPadding}");
        Check(Augmentation.MinCropArea is > 0 and <= 1, $"crop area: (0, 1], not {Augmentation.MinCropArea}");
        Check(Augmentation.ColourJitter is >= 0 and < 1, $"colour jitter: [0, 1), not {Augmentation.ColourJitter}");
        Check(Augmentation.EraseProbability is >= 0 and <= 1, $"erase probability: [0, 1], not {Augmentation.EraseProbability}");
        return problems;
    }

    private string StagesProblem => $"stages: blocks x width of each, as in 2x16,2x32,2x64, not '{Stages}'";
}
