using LCNet.Bundles;
using LCNet.Cli.Bench;
using LCNet.Runtime.Execution;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Cli.Train;

/// <summary>From a trained network to a bundle in its place: calibrated, exported and verified.</summary>
internal static class BundleOutput
{
    private const int VerifiedImages = 1000;
    private const int TimedImages = 40;
    private const int TimedAlternations = 3;

    /// <summary>Writes the bundle beside its place and moves it there once verified, so that a half-written or wrong bundle is never found.</summary>
    /// <exception cref="InvalidDataException">The export computes something else than the network.</exception>
    public static void Write(LcNet network, TrainingOptions options, TrainTarget target, ImageSet images, Trainer trainer)
    {
        network = LeaveOut(network, images, trainer);
        if (target.Half)
        {
            double before = AtEffortOne(network, images, trainer);
            network.RoundToHalf();
            Console.WriteLine($"Weights in half precision: top-1 {before:P2} before, {AtEffortOne(network, images, trainer):P2} after.");
        }

        Console.WriteLine("Calibrating effort on the validation images.");
        BundleDescription description = Describe(network, options, target, images, trainer);
        string partial = Path.Combine(target.RunFolder, "export");
        if (Directory.Exists(partial))
        {
            Directory.Delete(partial, recursive: true);
        }

        Bundle bundle = BundleExporter.Write(network, description, partial);
        Verify(network, bundle, images, trainer);
        bundle = Bundle.Write(partial, EffortTimes.Measure(bundle, ComputeDevice.Parse("cpu"), DataSource.Inputs(images, trainer.Split.Validation.Take(TimedImages), bundle.Manifest.Input), TimedAlternations, CancellationToken.None));
        Directory.CreateDirectory(Path.GetDirectoryName(target.Folder)!);
        MoveFolder(partial, target.Folder);
        CalibrationPoint full = description.Calibration[^1];
        Console.WriteLine($"{target.Folder}: top-1 {full.Top1:P2} on validation images at {full.MeanFlops / bundle.Flops.Dense:P1} of dense FLOPs.");
    }

    // Channels that no validation image keeps at any effort of the table are not worth their bytes.
    private static LcNet LeaveOut(LcNet network, ImageSet images, Trainer trainer)
    {
        IReadOnlyList<long[]> used = Calibrator.UsedChannels(network, images, trainer.Split.Validation, trainer.Normalisation, Calibrator.DefaultEfforts);
        long all = network.Spec.Blocks().Sum(block => (long)block.InnerChannels);
        long kept = used.Sum(channels => (long)channels.Length);
        if (kept == all)
        {
            return network;
        }

        Console.WriteLine($"{all - kept} of {all} channels are left out: no validation image keeps them at any effort.");
        return network.WithChannels(used);
    }

    private static double AtEffortOne(LcNet network, ImageSet images, Trainer trainer) =>
        Evaluation.Of(network, images, trainer.Split.Validation, trainer.Normalisation, 1).Accuracy;

    private static BundleDescription Describe(LcNet network, TrainingOptions options, TrainTarget target, ImageSet images, Trainer trainer) => new()
    {
        Model = target.Name,
        Version = target.Version,
        HalfPrecision = target.Half,
        Labels = images.Classes,
        Normalisation = trainer.Normalisation,
        Calibration = Calibrator.Measure(network, images, trainer.Split.Validation, trainer.Normalisation, Calibrator.DefaultEfforts),
        Provenance = new Provenance(
            $"{images.Count} images of {images.Classes.Count} classes{(target.Note is null ? string.Empty : ". " + target.Note)}",
            $"{trainer.Split.Validation.Count} validation images held back from training, by content hash, stratified",
            RecipeOptions.Describe(options, target.Half),
            options.Seed,
            options.Epochs,
            $"lcnet {typeof(TrainCommand).Assembly.GetName().Version?.ToString(3)}")
        {
            ValidationDigest = trainer.Split.Digest,
        },
    };

    private static void Verify(LcNet network, Bundle bundle, ImageSet images, Trainer trainer)
    {
        IReadOnlyList<int> validation = trainer.Split.Validation;
        int count = Math.Min(VerifiedImages, validation.Count);
        int[] sample = [.. Enumerable.Range(0, count).Select(i => validation[(int)((long)i * validation.Count / count)])];
        ExportComparison comparison = ExportVerifier.Compare(network, bundle, images, sample, trainer.Normalisation);
        Console.WriteLine(
            $"Export against TorchSharp on {comparison.Images} images: logits within {comparison.SegmentError:E1}, "
            + $"open gates within {comparison.DenseError:E1} of the static network, {comparison.PlanDifferences} decisions differ.");
        if (!comparison.Agrees)
        {
            throw new InvalidDataException($"The export differs from the trained network (accepted: {ExportComparison.Tolerance:E0}, no decision); it stays in {bundle.Folder}.");
        }
    }

    // A rename works within one file system only.
    private static void MoveFolder(string from, string to)
    {
        string staging = to + ".partial";
        Directory.CreateDirectory(staging);
        foreach (string file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(staging, Path.GetFileName(file)), overwrite: true);
        }

        Directory.Move(staging, to);
        Directory.Delete(from, recursive: true);
    }
}
