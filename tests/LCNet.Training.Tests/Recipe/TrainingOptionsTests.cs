using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Training.Tests.Recipe;

public class TrainingOptionsTests
{
    private static readonly TrainingOptions Good = new();

    public static TheoryData<string, TrainingOptions> OneProblem => new()
    {
        { "depth", Good with { Depth = 2 } },
        { "depth", Good with { Depth = 15 } },
        { "depth", Good with { Family = StemKind.ImageNet, Depth = 20 } },
        { "stages", Good with { Stages = 0 } },
        { "stages", Good with { Stages = 5 } },
        { "depth", Good with { Stages = 4 } },
        { "width", Good with { Width = 0 } },
        { "width", Good with { Width = 1025 } },
        { "input size", Good with { InputSize = 7 } },
        { "input size", Good with { InputSize = 513 } },
        { "dense epochs", Good with { DenseEpochs = -1 } },
        { "dense epochs", Good with { DenseEpochs = Good.Epochs } },
        { "batch size", Good with { BatchSize = 7 } },
        { "learning rate", Good with { LearningRate = 0 } },
        { "learning rate", Good with { LearningRate = double.PositiveInfinity } },
        { "warm-up", Good with { WarmUp = 0 } },
        { "warm-up", Good with { WarmUp = 1 } },
        { "gate rate", Good with { GateRate = 0 } },
        { "gate rate", Good with { GateRate = 1.1 } },
        { "weight decay", Good with { WeightDecay = -1 } },
        { "weight decay", Good with { WeightDecay = double.NaN } },
        { "label smoothing", Good with { LabelSmoothing = 1 } },
        { "budget", Good with { Budget = 0 } },
        { "budget", Good with { Budget = double.NaN } },
        { "start share", Good with { StartShare = 0 } },
        { "lowest effort", Good with { MinEffort = 1.1 } },
        { "FLOPs weight", Good with { FlopsWeight = double.NegativeInfinity } },
        { "half size until", Good with { HalfSizeUntil = -0.1 } },
        { "reduced until", Good with { ReducedUntil = double.NaN } },
        { "distillation weight", Good with { DistillationWeight = 1.1 } },
        { "validation fraction", Good with { ValidationFraction = 1 } },
        { "crop padding", Good with { Augmentation = new Augmentation { CropPadding = -1 } } },
        { "erase probability", Good with { Augmentation = new Augmentation { EraseProbability = 1.5 } } },
    };

    [Fact]
    public void Validate_ValuesAtTheEdgeOfTheirRange_FindsNothing()
    {
        Assert.Empty(Good.Validate());
        Assert.Empty(new TrainingOptions
        {
            Depth = 8,
            Width = 1,
            InputSize = 8,
            Epochs = 1,
            DenseEpochs = 0,
            BatchSize = 8,
            WarmUp = 0.01,
            GateRate = 1,
            StartShare = 1,
            HalfSizeUntil = 1,
            ReducedUntil = 0,
            WeightDecay = 0,
            LabelSmoothing = 0,
            Budget = 1,
            MinEffort = 1,
            FlopsWeight = 0,
            Augmentation = new Augmentation { CropPadding = 0, EraseProbability = 1 },
        }.Validate());
    }

    [Theory]
    [MemberData(nameof(OneProblem))]
    public void Validate_OneValueOutOfRange_NamesIt(string name, TrainingOptions options) =>
        Assert.StartsWith(name + ":", Assert.Single(options.Validate()), StringComparison.Ordinal);

    [Fact]
    public void Validate_EveryValueOutOfRange_NamesThemAll()
    {
        var options = new TrainingOptions
        {
            Depth = 0,
            Width = 0,
            InputSize = 0,
            Epochs = 0,
            DenseEpochs = -1,
            BatchSize = 0,
            LearningRate = -1,
            WarmUp = 0,
            GateRate = 0,
            StartShare = 0,
            HalfSizeUntil = 2,
            ReducedUntil = 2,
            WeightDecay = -1,
            LabelSmoothing = -1,
            Budget = 0,
            MinEffort = 0,
            FlopsWeight = -1,
            DistillationWeight = -1,
            ValidationFraction = 0,
            Augmentation = new Augmentation { CropPadding = -1, EraseProbability = -1 },
        };
        string[] names =
        [
            "depth", "width", "input size", "epochs", "dense epochs", "batch size", "learning rate", "warm-up", "gate rate", "weight decay",
            "label smoothing", "budget", "start share", "lowest effort", "FLOPs weight", "half size until", "reduced until",
            "distillation weight", "validation fraction", "crop padding", "erase probability",
        ];
        Assert.Equal(names, options.Validate().Select(problem => problem[..problem.IndexOf(':', StringComparison.Ordinal)]));
    }

    [Fact]
    public void Architecture_Defaults_FollowTheOptions()
    {
        ResNetSpec spec = (Good with { Depth = 20, Width = 12, InputSize = 24, Span = GateSpan.Model }).Architecture(7);
        Assert.Equal([3, 3, 3], spec.BlocksPerStage);
        Assert.Equal((12, 7, 24, GateSpan.Model, BlockKind.Basic), (spec.Width, spec.Classes, spec.InputSize, spec.Span, spec.Kind));
    }

    [Fact]
    public void Architecture_ImageNet_IsTheOneOfThatDepth()
    {
        ResNetSpec spec = (Good with { Family = StemKind.ImageNet, Depth = 50, Width = 8, InputSize = 64, Gates = GateKinds.Layers }).Architecture(7);
        Assert.Equal([3, 4, 6, 3], spec.BlocksPerStage);
        Assert.Equal((8, 7, 64, GateKinds.Layers, BlockKind.Bottleneck), (spec.Width, spec.Classes, spec.InputSize, spec.Gates, spec.Kind));
    }
}
