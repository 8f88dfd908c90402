using LCNet.Training.Import;
using LCNet.Training.Networks;

namespace LCNet.Training.Recipe;

/// <summary>The recipe for some images where nobody says otherwise.</summary>
public static class RecipeDefaults
{
    private const int SmallBatch = 128;
    private const int PhotoBatch = 32;
    private const int FewestSteps = 8;
    private const int PhotoSize = 224;

    /// <summary>The input that a network is trained on: that of the imported file, else 224 pixels for an imported network and 32 for another.</summary>
    /// <param name="imported">The network that training starts from; null to start from random weights.</param>
    public static int InputSize(ImportedNetwork? imported) => imported is null ? new TrainingOptions().InputSize : imported.InputSize ?? PhotoSize;

    /// <summary>The recipe.</summary>
    /// <param name="images">How many images there are, those for validation included.</param>
    /// <param name="imported">The network that training starts from; null to start from random weights.</param>
    public static TrainingOptions For(int images, int inputSize, ImportedNetwork? imported, long memory)
    {
        TrainingOptions options = new() { InputSize = inputSize };
        if (options.ArePhotos)
        {
            options = options with
            {
                Stem = StemKind.ImageNet,
                Stages = "2x64,2x128,2x256,2x512",
                Augmentation = new() { MinCropArea = 0.35, ColourJitter = 0.2 },
            };
        }

        if (imported is not null)
        {
            options = options with
            {
                Stem = imported.Stem,
                Block = imported.Kind,
                Stages = string.Join(',', imported.BlocksPerStage.Zip(imported.Widths, (blocks, width) => $"{blocks}x{width}")),
                StemWidth = imported.StemWidth,
                StridesFirst = imported.StridesFirst ?? false,
                Normalisation = imported.Normalisation ?? ImportedNetwork.ImageNet,
                MeasureStatistics = true,
                PatchStem = false,
                LearningRate = 0.02,
                BiasRate = 1,
                WarmUp = 0.1,
                Averaging = 0.98,
                DenseShare = 0.33,
                AnyDepth = 0.25,
                Budget = 0.55,
            };
        }

        int training = (int)(images * (1 - options.ValidationFraction));
        int batch = options.ArePhotos ? PhotoBatch : SmallBatch;
        while (batch > FewestSteps && (batch * FewestSteps > training || MemoryEstimate.Step(options with { BatchSize = batch }) > memory / 2))
        {
            batch /= 2;
        }

        // Steps count, not epochs: a few photos are seen often, many are seen a few times.
        int steps = Math.Max(1, training / batch);
        (int wanted, int fewest, int most) = imported is null ? (16_850, 32, 200) : (2_000, 6, 60);
        return options with { BatchSize = batch, Epochs = Math.Clamp((int)Math.Round((double)wanted / steps), fewest, most) };
    }
}
