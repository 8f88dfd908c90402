using System.CommandLine;
using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;
using TorchSharp;

namespace LCNet.Cli.Train;

/// <summary><c>lcnet train</c>: trains an LC-Net on a folder of images and writes it as a bundle.</summary>
internal sealed class TrainCommand
{
    private const double GiB = 1L << 30;

    private readonly Argument<string> _data = new("data") { Description = "Folder of images with one sub-folder a class, or of CIFAR-10's binary files." };
    private readonly Option<string> _output = new("--output", "-o") { Description = "Folder of models to write to; the bundle goes to <output>/<name>/<version>.", DefaultValueFactory = _ => "models" };
    private readonly Option<string?> _name = new("--name") { Description = "Model name: lower-case letters, digits, '.', '_' and '-'. Default: by the name of the data's folder." };
    private readonly Option<int> _version = NumberOption.Of<int>("--version-number", "Model version, at least 1.", 1);
    private readonly Option<string?> _note = new("--note") { Description = "What a reader must know of the data; written to the bundle's provenance." };
    private readonly Option<string?> _run = new("--run") { Description = "Folder for checkpoints. Default: .runs/<name>." };
    private readonly Option<bool> _half = new("--half") { Description = "Store weights in half precision: half as large a bundle, widened where it is loaded. What that does to accuracy is measured and said." };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on from the run's last checkpoint; the result is that of an uninterrupted run." };
    private readonly Option<string?> _initial = new("--initial") { Description = "Checkpoint of the same backbone whose weights training starts from." };
    private readonly Option<string?> _teacher = new("--teacher") { Description = "Checkpoint of a network whose dense outputs training learns from, besides the labels." };
    private readonly Option<int> _threads = NumberOption.Of<int>("--threads", "Threads of the training; 0 for one a core.", 0);
    private readonly Option<string> _device = new("--device") { Description = "cpu, or cuda or cuda:N where the program was built with -p:TorchLibraries=cuda.", DefaultValueFactory = _ => "cpu" };
    private readonly ImportOptions _import = new();
    private readonly RecipeOptions _recipe = new(new TrainingOptions());

    private TrainCommand()
    {
    }

    public static Command Create()
    {
        var train = new TrainCommand();
        var command = new Command("train", "Train an LC-Net, export it as a bundle, verify the export and calibrate effort.")
        {
            train._data, train._output, train._name, train._version, train._note, train._half, train._run, train._resume, train._initial, train._teacher, train._threads, train._device,
        };
        train._import.AddTo(command);
        train._recipe.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            // On another thread: signals are handled once this method has returned.
            await Task.Run(() => train.Run(parsed, cancellation), CancellationToken.None);
            return 0;
        });
        return command;
    }

    private void Run(ParseResult parsed, CancellationToken cancellation)
    {
        string data = parsed.GetValue(_data)!;
        string name = parsed.GetValue(_name) ?? TrainTarget.NameOf(data);
        var target = new TrainTarget(name, parsed.GetValue(_version), parsed.GetValue(_output)!, parsed.GetValue(_run) ?? Path.Combine(".runs", name), parsed.GetValue(_note), parsed.GetValue(_half));
        ImportOptions.Start? imported = _import.Read(parsed);
        (int count, string? missing) = Count(data);
        TrainingOptions options = ReadRecipe(parsed, imported, count);

        // What can be wrong without looking at an image is said before any is read.
        List<string> problems = [.. missing is null ? [] : new[] { missing }, .. options.Validate(), .. target.Validate(), .. Conflicts(parsed, imported)];
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", problems));
        }

        TorchLibrary.EnsureLoaded(Console.Error.WriteLine);
        TrainingDevice device = TrainingDevice.Select(parsed.GetValue(_device)!);
        torch.set_num_threads(parsed.GetValue(_threads) is > 0 and int threads ? threads : Environment.ProcessorCount);
        (LcNet? start, string? startDigest) = ReadNetwork(parsed.GetValue(_initial));
        (LcNet? teacher, string? teacherDigest) = ReadNetwork(parsed.GetValue(_teacher));
        options = options with { Initial = startDigest ?? imported?.Digest, Teacher = teacherDigest };
        Console.WriteLine(
            $"{options.Epochs} epochs in steps of {options.BatchSize} images, about {MemoryEstimate.Step(options) / GiB:F1} GiB of memory for them, at most "
            + $"{ImageFolder.DefaultCacheBytes / GiB:F1} GiB for decoded images; {MemoryEstimate.Checkpoints(options) / GiB:F1} GiB of disk for checkpoints in {target.RunFolder}.");
        Console.WriteLine($"Reading {count} images of {data}.");
        ImageSet images = DataSource.Open(data, options.InputSize);
        torch.manual_seed(options.Seed);
        start ??= imported?.ToNetwork(options.Architecture(images.Classes.Count));
        var trainer = new Trainer(images, options, target.RunFolder, start, teacher);
        Console.WriteLine($"{images.Count} images of {images.Classes.Count} classes: {trainer.Split.Training.Count} to train on, {trainer.Split.Validation.Count} for validation.");
        LcNet network;
        using (var display = new TrainingDisplay(Path.Combine(target.RunFolder, "log.txt")))
        {
            network = trainer.Run(parsed.GetValue(_resume), display.Step, display.Epoch, cancellation);
        }

        device.Leave(network);
        BundleOutput.Write(network, options, target, images, trainer);
    }

    private static (int Images, string? Problem) Count(string data)
    {
        try
        {
            return (DataSource.Count(data), null);
        }
        catch (InvalidDataException exception)
        {
            return (0, exception.Message);
        }
    }

    private TrainingOptions ReadRecipe(ParseResult parsed, ImportOptions.Start? imported, int images)
    {
        int size = _recipe.ReadSize(parsed) ?? RecipeDefaults.InputSize(imported?.Network);
        TrainingOptions options = _recipe.Read(parsed, RecipeDefaults.For(images, size, imported?.Network, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes), TrainingDevice.IsGpu(parsed.GetValue(_device)!) ? Precision.Mixed : PrecisionSupport.Fastest);
        return imported?.Complete(options) ?? options;
    }

    private IEnumerable<string> Conflicts(ParseResult parsed, ImportOptions.Start? imported)
    {
        if (imported is null)
        {
            yield break;
        }

        foreach (string option in _recipe.OfArchitecture(parsed))
        {
            yield return $"{option}: what an imported network is, its file says";
        }

        if (parsed.GetValue(_initial) is not null)
        {
            yield return "--initial and --from: training starts from one network";
        }
    }

    private static (LcNet? Network, string? Digest) ReadNetwork(string? checkpoint) => checkpoint is null
        ? (null, null)
        : (Checkpoint.ReadNetwork(checkpoint).Network, ImportOptions.DigestOf(checkpoint));
}
