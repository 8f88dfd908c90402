using LCNet.Training.Data;
using LCNet.Training.Networks;

namespace LCNet.Training.Recipe;

/// <summary>Everything that decides the result of a training, besides the images.</summary>
public sealed record TrainingOptions
{
    /// <summary>Family of the backbone: <see cref="StemKind.Cifar"/> for small images, <see cref="StemKind.ImageNet"/> for large ones.</summary>
    public StemKind Family { get; init; } = StemKind.Cifar;

    /// <summary>Depth of the ResNet: 2·stages·n+2 of the CIFAR family, 18, 34 or 50 of the ImageNet family.</summary>
    public int Depth { get; init; } = 14;

    /// <summary>Stages of the CIFAR family, 1 to 4: the resolution halves and the width doubles from one to the next.</summary>
    public int Stages { get; init; } = 3;

    /// <summary>Channels of the first stage.</summary>
    public int Width { get; init; } = 32;

    /// <summary>Height and width of the input in pixels.</summary>
    public int InputSize { get; init; } = 32;

    /// <summary>Which blocks a gate decides.</summary>
    public GateSpan Span { get; init; } = GateSpan.Block;

    /// <summary>Which gates are trained; the others stay open.</summary>
    public GateKinds Gates { get; init; } = GateKinds.Both;

    /// <summary>Passes over the training images, dense phase included.</summary>
    public int Epochs { get; init; } = 28;

    /// <summary>Epochs of the warm start, with every gate open.</summary>
    public int DenseEpochs { get; init; } = 11;

    /// <summary>Images a step.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>Peak learning rate, reached after a linear warm-up; it falls linearly to 0 from there.</summary>
    public double LearningRate { get; init; } = 0.2;

    /// <summary>Share of the steps in which the learning rate rises, in (0, 1).</summary>
    public double WarmUp { get; init; } = 0.15;

    /// <summary>Learning rate of the gates as a share of the backbone's, in (0, 1].</summary>
    public double GateRate { get; init; } = 0.2;

    /// <summary>L2 penalty on the weights of the backbone's convolutions and head.</summary>
    public double WeightDecay { get; init; } = 5e-4;

    /// <summary>Label smoothing, in [0, 1).</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>Target of mean planned FLOPs at effort 1, as a share of the dense network's. At effort e it is e times as much.</summary>
    public double Budget { get; init; } = 0.57;

    /// <summary>
    /// Share of dense FLOPs that untrained gates let through, and that they are held to at every effort when the gated phase begins. From there the
    /// target tightens over 60 % of the phase: slowly, or gates collapse.
    /// </summary>
    public double StartShare { get; init; } = 0.9;

    /// <summary>Lowest effort that is trained.</summary>
    public double MinEffort { get; init; } = 0.25;

    /// <summary>Weight of the squared relative distance of FLOPs from their target.</summary>
    public double FlopsWeight { get; init; } = 4;

    /// <summary>Weight of the loss that keeps L-Net gates from being open or shut for all images.</summary>
    public double UsageWeight { get; init; } = 0.1;

    /// <summary>Share of the epochs, from the first on, that run at half the resolution, which makes them cheaper.</summary>
    public double HalfSizeUntil { get; init; } = 0.4;

    /// <summary>Share of the epochs after which all run at full resolution; those behind <see cref="HalfSizeUntil"/> run at three quarters of it.</summary>
    public double ReducedUntil { get; init; } = 0.65;

    /// <summary>SHA-256 of the checkpoint whose weights training starts from; null to start from random ones.</summary>
    public string? Initial { get; init; }

    /// <summary>Share of the loss that comes from the teacher's outputs, in [0, 1]; without a teacher it means nothing.</summary>
    public double DistillationWeight { get; init; } = 0.5;

    /// <summary>SHA-256 of the checkpoint whose dense outputs training learns from; null for none.</summary>
    public string? Teacher { get; init; }

    /// <summary>Share of each class held back for validation, in (0, 1).</summary>
    public double ValidationFraction { get; init; } = 0.1;

    /// <summary>Seed of weights, order, augmentation and efforts.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Random changes to training images.</summary>
    public Augmentation Augmentation { get; init; } = new();

    /// <summary>The architecture for a number of classes.</summary>
    /// <exception cref="ArgumentException">The family has no network of that depth.</exception>
    public ResNetSpec Architecture(int classes)
    {
        ResNetSpec family = Family == StemKind.Cifar ? ResNetSpec.Cifar(Depth, Width, classes, Span, Stages) : ResNetSpec.ImageNet(Depth, Width, classes, Span);
        return family with { InputSize = InputSize, Gates = Gates };
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

        Check(Stages is >= 1 and <= 4, $"stages: 1 to 4, not {Stages}");
        Check(
            Family == StemKind.Cifar ? Stages is < 1 or > 4 || ResNetSpec.HasCifar(Depth, Stages) : Depth is 18 or 34 or 50,
            $"depth: {(Family == StemKind.Cifar ? $"{2 * Stages}n+2" : "18, 34 or 50")}, not {Depth}");
        Check(Width is >= 1 and <= 1024, $"width: 1 to 1024, not {Width}");
        Check(InputSize is >= 8 and <= 512, $"input size: 8 to 512, not {InputSize}");
        Check(Epochs >= 1, $"epochs: at least 1, not {Epochs}");
        Check(DenseEpochs >= 0 && DenseEpochs < Epochs, $"dense epochs: 0 to epochs − 1, not {DenseEpochs}");
        Check(BatchSize >= 8, $"batch size: at least 8, not {BatchSize}");
        Check(LearningRate > 0 && double.IsFinite(LearningRate), $"learning rate: above 0, not {LearningRate}");
        Check(WarmUp is > 0 and < 1, $"warm-up: (0, 1), not {WarmUp}");
        Check(GateRate is > 0 and <= 1, $"gate rate: (0, 1], not {GateRate}");
        Check(WeightDecay >= 0 && double.IsFinite(WeightDecay), $"weight decay: at least 0, not {WeightDecay}");
        Check(LabelSmoothing is >= 0 and < 1, $"label smoothing: [0, 1), not {LabelSmoothing}");
        Check(Budget is > 0 and <= 1, $"budget: (0, 1], not {Budget}");
        Check(StartShare is > 0 and <= 1, $"start share: (0, 1], not {StartShare}");
        Check(MinEffort is > 0 and <= 1, $"lowest effort: (0, 1], not {MinEffort}");
        Check(FlopsWeight >= 0 && double.IsFinite(FlopsWeight), $"FLOPs weight: at least 0, not {FlopsWeight}");
        Check(UsageWeight >= 0 && double.IsFinite(UsageWeight), $"usage weight: at least 0, not {UsageWeight}");
        Check(HalfSizeUntil is >= 0 and <= 1, $"half size until: [0, 1], not {HalfSizeUntil}");
        Check(ReducedUntil is >= 0 and <= 1, $"reduced until: [0, 1], not {ReducedUntil}");
        Check(DistillationWeight is >= 0 and <= 1, $"distillation weight: [0, 1], not {DistillationWeight}");
        Check(ValidationFraction is > 0 and < 1, $"validation fraction: (0, 1), not {ValidationFraction}");
        Check(Augmentation.CropPadding >= 0, $"crop padding: at least 0, not {Augmentation.CropPadding}");
        Check(Augmentation.EraseProbability is >= 0 and <= 1, $"erase probability: [0, 1], not {Augmentation.EraseProbability}");
        return problems;
    }
}
