using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Recipe;

/// <summary>
/// That training learns, on a task for a few seconds. Bounds are wide of what four seeds gave: accuracy 1.00 at effort 1 and from 0.97 at
/// effort 0.4, FLOPs share 0.58 to 0.60 and 0.23 to 0.26, at least two of three blocks that only some of the images run, and 36 % to 80 % of
/// channels that only some of the images keep.
/// </summary>
public class LearningTests
{
    private const double Budget = 0.6;

    private static readonly ImageSet Images = RandomImages.Stripes(480, 8, 5);

    private static readonly Lazy<(LcNet Network, Trainer Trainer)> Trained = new(Train);

    [Fact]
    public void Run_EasyImages_AreToldApart()
    {
        Assert.InRange(Evaluate(1).Accuracy, 0.9, 1);
        Assert.InRange(Evaluate(0.4).Accuracy, 0.75, 1);
    }

    [Fact]
    public void Run_Budget_IsComeNearByMeanFlopsAtEffortOne() => Assert.InRange(Evaluate(1).FlopsShare, 0.7 * Budget, 1.3 * Budget);

    [Fact]
    public void Run_LowerEffort_CostsInProportion()
    {
        Evaluation low = Evaluate(0.4);
        Assert.InRange(low.FlopsShare, 0.5 * 0.4 * Budget, 1.6 * 0.4 * Budget);
        Assert.True(low.FlopsShare < 0.75 * Evaluate(1).FlopsShare, $"{low.FlopsShare}");
    }

    [Fact]
    public void Run_LayerGates_LookAtTheImage()
    {
        IReadOnlyList<double> rates = Evaluate(1).RunRates;
        Assert.Contains(rates, rate => rate is > 0.05 and < 0.95);
    }

    [Fact]
    public void Run_ChannelGates_LookAtTheImage()
    {
        (LcNet network, Trainer trainer) = Trained.Value;
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var noGrad = TorchSharp.torch.no_grad();
        (TorchSharp.torch.Tensor x, _) = new BatchReader(Images, trainer.Normalisation).Read([.. trainer.Split.Validation], Augmentation.None, 0, new Random(1));
        LcNetOutput output = network.ForwardAtEffort(x, 1);
        float[] rates = [.. output.Channels.SelectMany(channel => (channel > 0).to_type(TorchSharp.torch.float32).mean([0]).data<float>().ToArray())];
        Assert.True(rates.Count(rate => rate is > 0.05f and < 0.95f) > rates.Length / 4, $"{string.Join(' ', rates)}");
    }

    private static Evaluation Evaluate(double effort) =>
        Evaluation.Of(Trained.Value.Network, Images, Trained.Value.Trainer.Split.Validation, Trained.Value.Trainer.Normalisation, effort);

    private static (LcNet Network, Trainer Trainer) Train()
    {
        using var folder = new TemporaryFolder();
        var recipe = new TrainingOptions
        {
            Stages = "1x8,1x16,1x32",
            InputSize = 8,
            Epochs = 24,
            DenseShare = 0.125,
            BatchSize = 32,
            LearningRate = 0.1,
            Budget = Budget,
            ValidationFraction = 0.2,
            Augmentation = Augmentation.None,
        };
        var trainer = new Trainer(Images, recipe, folder.Path);
        return (trainer.Run(false, null, null, CancellationToken.None), trainer);
    }
}
