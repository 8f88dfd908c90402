using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Recipe;

public class TrainerTests
{
    private const int StepsPerEpoch = 6;

    private static readonly ImageSet Images = RandomImages.Stripes(120, 8, 1);

    private static readonly TrainingOptions Recipe = new()
    {
        Stages = "1x8,1x16,1x32",
        InputSize = 8,
        Epochs = 3,
        DenseShare = 0.34,
        BatchSize = 16,
        LearningRate = 0.1,
        ValidationFraction = 0.2,
        Augmentation = new Augmentation { CropPadding = 1, EraseProbability = 0.3 },
    };

    private static readonly Lazy<byte[]> Uninterrupted = new(() => Train(Recipe));

    [Fact]
    public void Run_SameSeed_GivesBitIdenticalWeights() => Assert.Equal(Uninterrupted.Value, Train(Recipe));

    [Fact]
    public void Run_AnotherSeed_GivesOtherWeights()
    {
        byte[] other = Train(Recipe with { Seed = 2 });
        Assert.Equal(Uninterrupted.Value.Length, other.Length);
        Assert.NotEqual(Uninterrupted.Value, other);
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(6, 1)]
    [InlineData(9, 1)]
    [InlineData(12, 2)]
    [InlineData(17, 2)]
    public void Run_CancelledAndResumed_GivesBitIdenticalWeights(int cancelledAt, int epochsDone)
    {
        using var folder = new TemporaryFolder();
        RunUntil(cancelledAt, folder.Path, resume: false);

        // What a writer that was killed leaves behind.
        File.WriteAllText(folder.At("checkpoint.zip.partial"), "half a file");

        var epochs = new List<int>();
        using LcNet network = new Trainer(Images, Recipe, folder.Path)
            .Run(true, progress => epochs.Add(progress.Epoch), null, TestContext.Current.CancellationToken);

        Assert.Equal((3 - epochsDone) * StepsPerEpoch, epochs.Count);
        Assert.Equal(epochsDone + 1, epochs[0]);
        Assert.Equal(Uninterrupted.Value, Weights(network));
    }

    [Fact]
    public void Run_CancelledAgainAndAgain_GivesBitIdenticalWeights()
    {
        using var folder = new TemporaryFolder();
        RunUntil(8, folder.Path, resume: true);
        RunUntil(3, folder.Path, resume: true);
        RunUntil(7, folder.Path, resume: true);
        Assert.Equal(2, Checkpoint.ReadInfo(folder.At("checkpoint.zip")).Epochs);
        using LcNet network = new Trainer(Images, Recipe, folder.Path).Run(true, null, null, TestContext.Current.CancellationToken);
        Assert.Equal(Uninterrupted.Value, Weights(network));
    }

    [Fact]
    public void Run_MixedPrecisionCancelledAndResumed_GivesBitIdenticalWeightsOfItsOwn()
    {
        using var folder = new TemporaryFolder();
        TrainingOptions mixed = Recipe with { Precision = Precision.Mixed };
        RunUntil(9, folder.Path, resume: false, recipe: mixed);
        using LcNet network = new Trainer(Images, mixed, folder.Path).Run(true, null, null, TestContext.Current.CancellationToken);

        Assert.Equal(Train(mixed), Weights(network));
        Assert.NotEqual(Uninterrupted.Value, Weights(network));
    }

    [Fact]
    public void Run_FinishedAndResumed_TakesNoStep()
    {
        using var folder = new TemporaryFolder();
        Train(Recipe, folder.Path);
        int steps = 0;
        using LcNet network = new Trainer(Images, Recipe, folder.Path).Run(true, _ => steps++, null, TestContext.Current.CancellationToken);
        Assert.Equal(0, steps);
        Assert.Equal(Uninterrupted.Value, Weights(network));
    }

    [Fact]
    public void Run_NotResumed_BeginsAnew()
    {
        using var folder = new TemporaryFolder();
        RunUntil(StepsPerEpoch, folder.Path, resume: false);
        var seen = new List<TrainingProgress>();
        var evaluations = new List<(int Epoch, Evaluation Evaluation)>();
        using LcNet network = new Trainer(Images, Recipe, folder.Path)
            .Run(false, seen.Add, (epoch, evaluation) => evaluations.Add((epoch, evaluation)), TestContext.Current.CancellationToken);

        Assert.Equal(3 * StepsPerEpoch, seen.Count);
        Assert.All(seen.Index(), step => Assert.Equal(
            (1 + (step.Index / StepsPerEpoch), 3, 1 + (step.Index % StepsPerEpoch), StepsPerEpoch),
            (step.Item.Epoch, step.Item.Epochs, step.Item.Step, step.Item.Steps)));
        Assert.All(seen, step => Assert.Equal(step.Epoch == 1, step.FlopsShare == 1));
        Assert.Equal([1, 2, 3], evaluations.Select(done => done.Epoch));
        Assert.Equal([1, 1, 1], evaluations[0].Evaluation.RunRates);
        Assert.Equal(1, evaluations[0].Evaluation.FlopsShare);
        Assert.NotEqual(1, evaluations[2].Evaluation.FlopsShare);
        Assert.Equal(Uninterrupted.Value, Weights(network));
    }

    [Fact]
    public void Run_ResumedWithAnotherRecipe_IsRefused()
    {
        using var folder = new TemporaryFolder();
        RunUntil(StepsPerEpoch, folder.Path, resume: false);
        TrainingOptions[] others =
        [
            Recipe with { Seed = 2 }, Recipe with { Epochs = 4 }, Recipe with { Stages = "1x16,1x32,1x64" }, Recipe with { LearningRate = 0.1001 },
            Recipe with { Augmentation = Recipe.Augmentation with { Flip = false } },
        ];
        Assert.All(others, other => AssertRefused(Images, other, folder, "another recipe"));
        byte[] brighter = [.. Enumerable.Range(0, Images.Count).SelectMany(i => Images.Pixels(i).ToArray()).Select(value => (byte)(value + 20))];
        int[] labels = [.. Enumerable.Range(0, Images.Count).Select(Images.Label)];
        AssertRefused(new ImageSet(brighter, labels, 8, Images.Classes), Recipe, folder, "other images");
        AssertRefused(new ImageSet(brighter, labels, 8, ["x", "y", "z"]), Recipe, folder, "other images");
    }

    [Fact]
    public void New_RecipeOutOfRange_NamesEveryProblem()
    {
        using var folder = new TemporaryFolder();
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new Trainer(Images, Recipe with { Stages = "9", Budget = 2 }, folder.Path));
        Assert.Contains("stages", exception.Message, StringComparison.Ordinal);
        Assert.Contains("budget", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void New_ImagesThatDoNotFitTheRecipe_AreRefused()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<ArgumentException>(() => new Trainer(Images, Recipe with { InputSize = 16 }, folder.Path));
        Assert.Throws<ArgumentException>(() => new Trainer(Images, Recipe with { BatchSize = 97 }, folder.Path));
        _ = new Trainer(Images, Recipe with { BatchSize = 96 }, folder.Path);
    }

    [Fact]
    public void New_InitialNetworkOfAnotherArchitecture_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using var wider = new LcNet((Recipe with { Stages = "1x16,1x32,1x64" }).Architecture(Images.Classes.Count));
        using var deeper = new LcNet((Recipe with { Stages = "2x8,2x16,2x32" }).Architecture(Images.Classes.Count));
        Assert.Throws<ArgumentException>(() => new Trainer(Images, Recipe, folder.Path, wider));
        Assert.Throws<ArgumentException>(() => new Trainer(Images, Recipe, folder.Path, deeper));
    }

    [Fact]
    public void Run_InitialNetworkOfOtherSpans_TakesOverItsBackboneOnly()
    {
        using var folder = new TemporaryFolder();
        using var initial = new LcNet((Recipe with { Span = GateSpan.Model }).Architecture(Images.Classes.Count));
        TrainingOptions still = Recipe with { LearningRate = 1e-30, WeightDecay = 0, Initial = "1" };
        using LcNet network = new Trainer(Images, still, folder.Path, initial).Run(false, null, null, TestContext.Current.CancellationToken);

        // A bias of 0 does move, by a step of about 1e-30.
        Assert.All(Backbone(initial).Zip(Backbone(network)), pair => Assert.Equal(pair.First, pair.Second, 1e-20f));
    }

    [Fact]
    public void Run_InitialNetwork_IsWhereItStartsFromAlsoWhenResumed()
    {
        using var folder = new TemporaryFolder();
        using LcNet initial = new Trainer(Images, Recipe with { Seed = 9 }, folder.At("first")).Run(false, null, null, TestContext.Current.CancellationToken);
        byte[] before = Weights(initial);
        TrainingOptions still = Recipe with { LearningRate = 1e-30, WeightDecay = 0, Initial = "1" };
        using LcNet unmoved = new Trainer(Images, still, folder.At("second"), initial).Run(false, null, null, TestContext.Current.CancellationToken);
        Assert.Equal(Backbone(initial), Backbone(unmoved));

        TrainingOptions recipe = Recipe with { Initial = "1" };
        using LcNet whole = new Trainer(Images, recipe, folder.At("third"), initial).Run(false, null, null, TestContext.Current.CancellationToken);
        Assert.NotEqual(Uninterrupted.Value, Weights(whole));
        RunUntil(8, folder.At("fourth"), resume: false, recipe, initial);
        using LcNet resumed = new Trainer(Images, recipe, folder.At("fourth"), initial).Run(true, null, null, TestContext.Current.CancellationToken);
        Assert.Equal(Weights(whole), Weights(resumed));
        Assert.Equal(before, Weights(initial));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(14)]
    public void Run_ImportedWeightsAndPhotosCancelledInEitherPhase_GivesBitIdenticalWeights(int cancelledAt)
    {
        using var folder = new TemporaryFolder();
        using LcNet initial = new((Recipe with { Seed = 5 }).Architecture(Images.Classes.Count));
        TrainingOptions recipe = Recipe with
        {
            Initial = "1",
            MeasureStatistics = true,
            Normalisation = new([0.5f, 0.4f, 0.3f], [0.2f, 0.2f, 0.25f]),
            BalancedClasses = true,
            Augmentation = new() { MinCropArea = 0.5, ColourJitter = 0.2 },
        };
        using LcNet whole = new Trainer(Images, recipe, folder.At("whole"), initial).Run(false, null, null, TestContext.Current.CancellationToken);
        Assert.Equal([0.5f, 0.4f, 0.3f], Checkpoint.ReadInfo(folder.At("whole/checkpoint.zip")).Normalisation.Mean);

        RunUntil(cancelledAt, folder.At("stopped"), resume: false, recipe, initial);
        using LcNet resumed = new Trainer(Images, recipe, folder.At("stopped"), initial).Run(true, null, null, TestContext.Current.CancellationToken);

        Assert.Equal(Weights(whole), Weights(resumed));
        using LcNet plain = new Trainer(Images, recipe with { MeasureStatistics = false }, folder.At("plain"), initial).Run(false, null, null, TestContext.Current.CancellationToken);
        Assert.NotEqual(Weights(whole), Weights(plain));
    }

    private static void AssertRefused(ImageSet images, TrainingOptions recipe, TemporaryFolder folder, string reason)
    {
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() =>
            new Trainer(images, recipe, folder.Path).Run(true, null, null, CancellationToken.None));
        Assert.StartsWith(folder.At("checkpoint.zip") + ":", exception.Message, StringComparison.Ordinal);
        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
    }

    private static void RunUntil(int steps, string folder, bool resume, TrainingOptions? recipe = null, LcNet? initial = null)
    {
        using var cancellation = new CancellationTokenSource();
        int done = 0;
        void Count(TrainingProgress progress)
        {
            if (++done == steps)
            {
                cancellation.Cancel();
            }
        }

        Assert.Throws<OperationCanceledException>(() => new Trainer(Images, recipe ?? Recipe, folder, initial).Run(resume, Count, null, cancellation.Token));
        Assert.Equal(steps, done);
    }

    private static byte[] Train(TrainingOptions recipe)
    {
        using var folder = new TemporaryFolder();
        return Train(recipe, folder.Path);
    }

    private static byte[] Train(TrainingOptions recipe, string folder)
    {
        using LcNet network = new Trainer(Images, recipe, folder).Run(false, null, null, CancellationToken.None);
        return Weights(network);
    }

    private static float[] Backbone(LcNet network) => [.. network.named_parameters()
        .Where(entry => !entry.name.Contains("Gates", StringComparison.Ordinal)).SelectMany(entry => entry.parameter.data<float>().ToArray())];

    private static byte[] Weights(LcNet network)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        network.save(writer);
        writer.Flush();
        return memory.ToArray();
    }
}
