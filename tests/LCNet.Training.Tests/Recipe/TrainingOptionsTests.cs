using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Training.Tests.Recipe;

public class TrainingOptionsTests
{
    private static readonly TrainingOptions Good = new();

    public static TheoryData<string, TrainingOptions> OneProblem => new()
    {
        { "stages", Good with { Stages = string.Empty } },
        { "stages", Good with { Stages = "2" } },
        { "stages", Good with { Stages = "2x16,32" } },
        { "stages", Good with { Stages = "2x16,2x" } },
        { "stages", Good with { Stages = "2x16,0x32,2x64" } },
        { "stages", Good with { Stages = "0x16" } },
        { "stages", Good with { Stages = "2x0" } },
        { "stages", Good with { Stages = "-1x16" } },
        { "stages", Good with { Stages = "2x4097" } },
        { "stages", Good with { Stages = "257x16" } },
        { "input size", Good with { InputSize = 7 } },
        { "input size", Good with { InputSize = 513 } },
        { "dense share", Good with { DenseShare = -0.1 } },
        { "dense share", Good with { DenseShare = 1 } },
        { "batch size", Good with { BatchSize = 7 } },
        { "learning rate", Good with { LearningRate = 0 } },
        { "learning rate", Good with { LearningRate = double.PositiveInfinity } },
        { "warm-up", Good with { WarmUp = 0 } },
        { "warm-up", Good with { WarmUp = 1 } },
        { "any depth", Good with { AnyDepth = 1.1 } },
        { "weight decay", Good with { WeightDecay = -1 } },
        { "weight decay", Good with { WeightDecay = double.NaN } },
        { "label smoothing", Good with { LabelSmoothing = 1 } },
        { "budget", Good with { Budget = 0 } },
        { "budget", Good with { Budget = double.NaN } },
        { "lowest effort", Good with { MinEffort = 1 } },
        { "tightening", Good with { Tightening = 0 } },
        { "hidden units", Good with { HiddenUnits = -1 } },
        { "bias rate", Good with { BiasRate = double.NaN } },
        { "averaging", Good with { Averaging = 1 } },
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
            Stages = "0x1,1x1",
            InputSize = 8,
            Epochs = 1,
            DenseShare = 0,
            BatchSize = 8,
            WarmUp = 0.01,
            Tightening = 1,
            HiddenUnits = 0,
            Averaging = 0,
            WeightDecay = 0,
            LabelSmoothing = 0,
            Budget = 1,
            MinEffort = 0.99,
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
            Stages = "0x0",
            InputSize = 0,
            Epochs = 0,
            DenseShare = -1,
            BatchSize = 0,
            LearningRate = -1,
            WarmUp = 0,
            AnyDepth = -1,
            Tightening = 0,
            HiddenUnits = -1,
            BiasRate = 0,
            Averaging = 1,
            WeightDecay = -1,
            LabelSmoothing = -1,
            Budget = 0,
            MinEffort = 0,
            DistillationWeight = -1,
            ValidationFraction = 0,
            Augmentation = new Augmentation { CropPadding = -1, EraseProbability = -1 },
        };
        string[] names =
        [
            "stages", "input size", "epochs", "dense share", "batch size", "learning rate", "warm-up", "weight decay", "label smoothing",
            "budget", "lowest effort", "any depth", "tightening", "hidden units", "bias rate", "averaging", "distillation weight", "validation fraction", "crop padding",
            "erase probability",
        ];
        Assert.Equal(names, options.Validate().Select(problem => problem[..problem.IndexOf(':', StringComparison.Ordinal)]));
    }

    [Theory]
    [InlineData(32, 0.85, 27)]
    [InlineData(10, 0.5, 5)]
    [InlineData(1, 0.9, 0)]
    [InlineData(3, 0.99, 2)]
    [InlineData(4, 0, 0)]
    public void DenseEpochs_AnyShare_LeaveOneForGates(int epochs, double share, int expected)
    {
        TrainingOptions options = Good with { Epochs = epochs, DenseShare = share };
        Assert.Equal(expected, options.DenseEpochs);
        Assert.Equal(epochs, (options with { Gates = GateKinds.None }).DenseEpochs);
    }

    [Fact]
    public void Architecture_Cifar_FollowsTheOptions()
    {
        ResNetSpec spec = (Good with { Stages = "0x12,3x20,1x33", InputSize = 24, Span = GateSpan.Model, HiddenUnits = 5, MinEffort = 0.3 }).Architecture(7);
        Assert.Equal([0, 3, 1], spec.BlocksPerStage);
        Assert.Equal([12, 20, 20, 20], spec.Blocks().Select(block => block.InputChannels));
        Assert.Equal([20, 20, 20, 33], spec.Blocks().Select(block => block.InnerChannels));
        Assert.Equal([12, 12, 12, 6], spec.Blocks().Select(block => block.OutputSize));
        Assert.Equal((7, 24, GateSpan.Model, BlockKind.Basic, 5, 0.3), (spec.Classes, spec.InputSize, spec.Span, spec.Kind, spec.HiddenUnits, spec.MinEffort));
    }

    [Fact]
    public void Architecture_ImageNetBottleneck_FollowsTheOptions()
    {
        ResNetSpec spec = (Good with { Stem = StemKind.ImageNet, Block = BlockKind.Bottleneck, Stages = "3x64,4x128,6x256,3x512", InputSize = 224, Gates = GateKinds.Layers })
            .Architecture(1000);
        Assert.Equal((StemKind.ImageNet, GateKinds.Layers, 224), (spec.Stem, spec.Gates, spec.InputSize));
        Assert.Equal(new NetworkCost(ResNetSpec.ImageNet(50, 64, 1000)).Dense, new NetworkCost(spec).Dense);
    }
}
