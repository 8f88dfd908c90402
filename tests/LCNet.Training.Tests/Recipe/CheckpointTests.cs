using System.IO.Compression;
using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;

namespace LCNet.Training.Tests.Recipe;

public sealed class CheckpointTests : IDisposable
{
    private static readonly TrainingOptions Recipe = new()
    {
        Stages = "1x8,1x16,1x32",
        InputSize = 8,
        Epochs = 1,
        DenseShare = 0,
        BatchSize = 16,
        LearningRate = 0.1,
        ValidationFraction = 0.2,
        Span = GateSpan.Stage,
    };

    private readonly TemporaryFolder _folder = new();

    private string Path => _folder.At("checkpoint.zip");

    [Fact]
    public void ReadNetwork_AfterTraining_GivesTheSameLogitsBitForBit()
    {
        ImageSet images = RandomImages.Stripes(60, 8, 1);
        var trainer = new Trainer(images, Recipe, _folder.Path);
        using LcNet trained = trainer.Run(false, null, null, TestContext.Current.CancellationToken);
        (LcNet read, CheckpointInfo info) = Checkpoint.ReadNetwork(Path);

        Assert.Equal(Recipe, info.Options);
        Assert.Equal(1, info.Epochs);
        Assert.Equal(images.Classes, info.Classes);
        Assert.Equal(trainer.Normalisation.Mean, info.Normalisation.Mean);
        Assert.Equal(trainer.Normalisation.Std, info.Normalisation.Std);
        Assert.False(read.training);
        foreach (double? effort in new double?[] { null, 1, 0.3 })
        {
            float[] logits = Logits(trained, images, trainer.Normalisation, effort);
            Assert.Equal(logits, Logits(read, images, info.Normalisation, effort));
            Assert.True(logits.Distinct().Count() > 3);
        }

        read.Dispose();
    }

    [Fact]
    public void Read_NotAZip_SaysThatItIsNoCheckpoint()
    {
        File.WriteAllText(Path, "weights, honestly");
        AssertRefused();
    }

    [Theory]
    [InlineData("readme.txt", "hello")]
    [InlineData("info.json", "{")]
    [InlineData("info.json", "null")]
    [InlineData("info.json", "{}")]
    public void Read_ZipOfSomethingElse_SaysThatItIsNoCheckpoint(string entry, string text)
    {
        WriteZip(entry, text);
        AssertRefused();
    }

    [Fact]
    public void ReadNetwork_NoWeights_SaysSo()
    {
        WriteZip("info.json", """
            {
              "Options": { "Stages": "1x8,1x16" }, "Epochs": 1, "Classes": ["a", "b"],
              "Normalisation": { "Mean": [0, 0, 0], "Std": [1, 1, 1] }
            }
            """);
        Assert.Equal(["a", "b"], Checkpoint.ReadInfo(Path).Classes);
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => Checkpoint.ReadNetwork(Path));
        Assert.StartsWith($"{Path}: not a checkpoint, it has no weights.bin", exception.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static float[] Logits(LcNet network, ImageSet images, Normalisation normalisation, double? effort)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        (torch.Tensor x, _) = new BatchReader(images, normalisation).Read([0, 1, 2, 3, 4], Augmentation.None, 0, new Random(1));
        return network.ForwardAtEffort(x, effort).Logits.data<float>().ToArray();
    }

    private void AssertRefused()
    {
        Assert.All(
            [() => Checkpoint.ReadInfo(Path), () => Checkpoint.ReadNetwork(Path)],
            (Func<object> read) => Assert.StartsWith($"{Path}: not a checkpoint", Assert.Throws<InvalidDataException>(read).Message, StringComparison.Ordinal));
    }

    private void WriteZip(string entry, string text)
    {
        using ZipArchive archive = ZipFile.Open(Path, ZipArchiveMode.Create);
        using var writer = new StreamWriter(archive.CreateEntry(entry).Open());
        writer.Write(text);
    }
}
