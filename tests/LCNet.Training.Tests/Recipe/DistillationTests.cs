using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;

namespace LCNet.Training.Tests.Recipe;

public class DistillationTests
{
    private static readonly ImageSet Images = RandomImages.Stripes(120, 8, 1);

    private static readonly TrainingOptions Recipe = new()
    {
        Stages = "1x8,1x16,1x32",
        InputSize = 8,
        Epochs = 6,
        DenseShare = 0.85,
        BatchSize = 16,
        LearningRate = 0.05,
        LabelSmoothing = 0,
        ValidationFraction = 0.2,
        Augmentation = Augmentation.None,
        Teacher = "1",
    };

    [Fact]
    public void Run_AllWeightOnTheTeacher_LearnsItsClassesInsteadOfTheLabels()
    {
        using LcNet teacher = Liar();
        byte[] before = teacher.state_dict().SelectMany(entry => entry.Value.bytes.ToArray()).ToArray();
        using LcNet pupil = Train(Recipe with { DistillationWeight = 1 }, teacher);
        using LcNet untaught = Train(Recipe with { Teacher = null }, null);

        Assert.InRange(Agreement(pupil, teacher), 0.9, 1);
        Assert.InRange(Agreement(untaught, teacher), 0, 0.2);
        Assert.Equal(before, teacher.state_dict().SelectMany(entry => entry.Value.bytes.ToArray()).ToArray());
    }

    [Fact]
    public void Trainer_TeacherOfOtherClasses_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using var teacher = new LcNet(Recipe.Architecture(Images.Classes.Count + 1));
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new Trainer(Images, Recipe, folder.Path, null, teacher));
        Assert.Contains("classes", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Trainer_TeacherThatWouldNotCount_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using LcNet teacher = new(Recipe.Architecture(Images.Classes.Count));
        Assert.Contains("distillation weight", Assert.Throws<ArgumentException>(() => new Trainer(Images, Recipe, folder.Path, null, teacher)).Message, StringComparison.Ordinal);
    }

    // A network that was trained well and then had its outputs turned round: it is sure of a wrong class for every image.
    private static LcNet Liar()
    {
        LcNet network = Train(Recipe with { Teacher = null }, null);
        using var noGrad = torch.no_grad();
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in network.named_parameters())
        {
            if (name.StartsWith("_head", StringComparison.Ordinal))
            {
                parameter.copy_(parameter.roll(1, 0));
            }
        }

        return network;
    }

    private static LcNet Train(TrainingOptions recipe, LcNet? teacher)
    {
        using var folder = new TemporaryFolder();
        return new Trainer(Images, recipe, folder.Path, null, teacher).Run(false, null, null, TestContext.Current.CancellationToken);
    }

    private static double Agreement(LcNet network, LcNet teacher)
    {
        using var noGrad = torch.no_grad();
        int[] all = [.. Enumerable.Range(0, Images.Count)];
        torch.Tensor x = new BatchReader(Images, Normalisation.Of(Images)).Read(all, Augmentation.None, 0, new Random(1)).Images;
        return network.Forward(x, null).Logits.argmax(1).eq(teacher.Forward(x, null).Logits.argmax(1)).to_type(torch.ScalarType.Float32).mean().ToDouble();
    }
}
