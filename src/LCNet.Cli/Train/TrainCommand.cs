using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using TorchSharp;

namespace LCNet.Cli.Train;

/// <summary><c>lcnet train</c>: trains an LC-Net on a folder of images and writes it as a bundle.</summary>
internal static class TrainCommand
{
    private const int VerifiedImages = 1000;
    private static readonly TrainingOptions Defaults = new();

    public static Command Create()
    {
        var data = new Argument<string>("data") { Description = "Folder of images with one sub-folder a class, or of CIFAR-10's binary files." };
        var output = new Option<string>("--output", "-o") { Description = "Folder of models to write to; the bundle goes to <output>/<name>/<version>.", DefaultValueFactory = _ => "models" };
        var name = new Option<string>("--name") { Description = "Model name: lower-case letters, digits, '.', '_' and '-'.", Required = true };
        var version = NumberOption.Of<int>("--version-number", "Model version, at least 1.", 1);
        var note = new Option<string?>("--note") { Description = "What a reader must know of the data; written to the bundle's provenance." };
        var run = new Option<string?>("--run") { Description = "Folder for checkpoints. Default: .runs/<name>." };
        var resume = new Option<bool>("--resume") { Description = "Go on from the run's last checkpoint; the result is that of an uninterrupted run." };
        var initial = new Option<string?>("--initial") { Description = "Checkpoint of the same backbone whose weights training starts from." };
        var teacher = new Option<string?>("--teacher") { Description = "Checkpoint of a network whose dense outputs training learns from, besides the labels." };
        var threads = NumberOption.Of<int>("--threads", "Threads of the training; 0 for one a core.", 0);
        var recipe = new RecipeOptions(Defaults);
        var command = new Command("train", "Train an LC-Net, export it as a bundle, verify the export and calibrate effort.") { data, output, name, version, note, run, resume, initial, teacher, threads };
        recipe.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var target = new TrainTarget(
                parsed.GetValue(name)!,
                parsed.GetValue(version),
                parsed.GetValue(output)!,
                parsed.GetValue(run) ?? Path.Combine(".runs", parsed.GetValue(name)!),
                parsed.GetValue(note));

            // On another thread: signals are handled once this method has returned.
            await Task.Run(() => Run(parsed.GetValue(data)!, recipe.Read(parsed), target, parsed.GetValue(initial), parsed.GetValue(teacher), parsed.GetValue(resume), parsed.GetValue(threads), cancellation), CancellationToken.None);
            return 0;
        });
        return command;
    }

    private static void Run(string data, TrainingOptions options, TrainTarget target, string? initial, string? teacher, bool resume, int threads, CancellationToken cancellation)
    {
        // What can be wrong without looking at an image is said before any is read.
        List<string> problems = [.. options.Validate(), .. target.Validate()];
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", problems));
        }

        TorchLibrary.EnsureLoaded();
        torch.set_num_threads(threads > 0 ? threads : Environment.ProcessorCount);
        (LcNet? start, string? startDigest) = ReadNetwork(initial);
        (LcNet? teaching, string? teachingDigest) = ReadNetwork(teacher);
        options = options with { Initial = startDigest, Teacher = teachingDigest };
        ImageSet images = DataSource.Read(data, options.InputSize);
        var trainer = new Trainer(images, options, target.RunFolder, start, teaching);
        Console.WriteLine($"{images.Count} images of {images.Classes.Count} classes: {trainer.Split.Training.Count} to train on, {trainer.Split.Validation.Count} for validation.");
        LcNet network;
        using (var display = new TrainingDisplay(Path.Combine(target.RunFolder, "log.txt")))
        {
            network = trainer.Run(resume, display.Step, display.Epoch, cancellation);
        }

        Console.WriteLine("Calibrating effort on the validation images.");
        IReadOnlyList<CalibrationPoint> calibration =
            Calibrator.Measure(network, images, trainer.Split.Validation, trainer.Normalisation, Calibrator.DefaultEfforts);
        var description = new BundleDescription
        {
            Model = target.Name,
            Version = target.Version,
            Labels = images.Classes,
            Normalisation = trainer.Normalisation,
            Calibration = calibration,
            Provenance = new Provenance(
                $"{images.Count} images of {images.Classes.Count} classes{(target.Note is null ? string.Empty : ". " + target.Note)}",
                $"{trainer.Split.Validation.Count} validation images held back from training, by content hash, stratified",
                RecipeOptions.Describe(options),
                options.Seed,
                options.Epochs,
                $"lcnet {typeof(TrainCommand).Assembly.GetName().Version?.ToString(3)}")
            {
                ValidationDigest = trainer.Split.Digest,
            },
        };
        Export(network, description, target, images, trainer);
    }

    private static (LcNet? Network, string? Digest) ReadNetwork(string? checkpoint) => checkpoint is null
        ? (null, null)
        : (Checkpoint.ReadNetwork(checkpoint).Network, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(checkpoint))));

    private static void Export(LcNet network, BundleDescription description, TrainTarget target, ImageSet images, Trainer trainer)
    {
        // Written beside its place and moved there once verified, so that a half-written or wrong bundle is never found.
        string partial = Path.Combine(target.RunFolder, "export");
        if (Directory.Exists(partial))
        {
            Directory.Delete(partial, recursive: true);
        }

        Bundle bundle = BundleExporter.Write(network, description, partial);
        IReadOnlyList<int> validation = trainer.Split.Validation;
        int count = Math.Min(VerifiedImages, validation.Count);
        int[] sample = [.. Enumerable.Range(0, count).Select(i => validation[(int)((long)i * validation.Count / count)])];
        ExportComparison comparison = ExportVerifier.Compare(network, bundle, images, sample, trainer.Normalisation);
        Console.WriteLine(
            $"Export against TorchSharp on {comparison.Images} images: logits within {comparison.SegmentError:E1}, "
            + $"open gates within {comparison.DenseError:E1} of the static network, {comparison.PlanDifferences} decisions differ.");
        if (!comparison.Agrees)
        {
            throw new InvalidDataException($"The export differs from the trained network (accepted: {ExportComparison.Tolerance:E0}, no decision); it stays in {partial}.");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(target.Folder)!);
        MoveFolder(partial, target.Folder);
        CalibrationPoint full = description.Calibration[^1];
        Console.WriteLine($"{target.Folder}: top-1 {full.Top1:P2} on validation images at {full.MeanFlops / bundle.Flops.Dense:P1} of dense FLOPs.");
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

    private sealed record TrainTarget(string Name, int Version, string Models, string RunFolder, string? Note)
    {
        public string Folder { get; } = Path.Combine(Models, Name, Version.ToString(CultureInfo.InvariantCulture));

        public IEnumerable<string> Validate()
        {
            if (!BundleManifest.IsModelName(Name))
            {
                yield return $"name: lower-case letters, digits, '.', '_' and '-', not '{Name}'";
            }

            if (Version < 1)
            {
                yield return $"version number: at least 1, not {Version}";
            }

            if (Directory.Exists(Folder))
            {
                yield return $"{Folder} exists: choose another --version-number";
            }
        }
    }
}
