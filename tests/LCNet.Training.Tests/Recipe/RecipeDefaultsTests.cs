using LCNet.Training.Import;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;
using TorchSharp.PyBridge;

namespace LCNet.Training.Tests.Recipe;

public class RecipeDefaultsTests
{
    private const long Plenty = 64L << 30;

    [Fact]
    public void For_Cifar10_IsTheRecipeOfTheShippedBundle() =>
        Assert.Equal(new TrainingOptions(), RecipeDefaults.For(50_000, RecipeDefaults.InputSize(null), null, Plenty));

    [Theory]
    [InlineData(40, 32)]
    [InlineData(40, 224)]
    [InlineData(2_000, 32)]
    [InlineData(2_000, 224)]
    [InlineData(20_000, 224)]
    [InlineData(1_000_000, 224)]
    public void For_AnyNumberOfImages_TakesSeveralStepsAnEpochAndIsValid(int images, int size)
    {
        TrainingOptions options = RecipeDefaults.For(images, size, null, Plenty);
        Assert.Empty(options.Validate());
        int steps = images * 9 / 10 / options.BatchSize;
        Assert.InRange(steps, 4, int.MaxValue);
        Assert.True((options.Epochs + 1) * steps >= 16_850 || options.Epochs == 200, $"{options.Epochs} epochs of {steps} steps");
        Assert.Equal(size > 64, options.Augmentation.MinCropArea < 1);
        Assert.Equal(size > 64 ? StemKind.ImageNet : StemKind.Cifar, options.Stem);
    }

    [Fact]
    public void For_LittleMemory_TakesFewerImagesAStep()
    {
        int[] batches = [.. new[] { 64L, 2, 1 }.Select(gibibytes => RecipeDefaults.For(20_000, 224, null, gibibytes << 30).BatchSize)];
        Assert.Equal(batches.OrderDescending(), batches);
        Assert.Equal(32, batches[0]);
        Assert.True(batches[^1] < 32);
    }

    [Fact]
    public void For_ImportedNetwork_IsThatNetworkAtALowerRate()
    {
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder.At("net.safetensors")))
        {
            using var original = torchvision.models.resnet18(num_classes: 10);
            Safetensors.SaveStateDict(file, original.state_dict(), leaveOpen: true);
        }

        ImportedNetwork imported = NetworkFile.Read(folder.At("net.safetensors"));
        TrainingOptions options = RecipeDefaults.For(2_000, RecipeDefaults.InputSize(imported), imported, Plenty);

        Assert.Empty(options.Validate());
        Assert.True(options.Architecture(10).HasBackboneOf(imported.Spec(10, 224)));
        Assert.Equal(224, options.InputSize);
        Assert.Equal(ImportedNetwork.ImageNet, options.Normalisation);
        Assert.True(options.LearningRate < new TrainingOptions().LearningRate);
        Assert.True(options.MeasureStatistics);
        Assert.False(options.PatchStem);
    }
}
