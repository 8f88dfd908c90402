using System.CommandLine;
using System.Text.Json;
using LCNet.Bundles;
using LCNet.Runtime;
using LCNet.Training.Data;
using Spectre.Console;

namespace LCNet.Cli.Evaluate;

/// <summary><c>lcnet evaluate</c>: accuracy, FLOPs and run rates of a bundle on labelled images.</summary>
internal static class EvaluateCommand
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create()
    {
        var bundle = new Argument<string>("bundle") { Description = "Folder of the bundle, for example models/cifar10-resnet14/1." };
        var data = new Argument<string>("data") { Description = "Folder of images with one sub-folder a class, or of CIFAR-10's binary files." };
        var effort = new Option<double[]>("--effort") { Description = "Efforts to measure, in (0, 1].", DefaultValueFactory = _ => [1], AllowMultipleArgumentsPerToken = true };
        var split = new Option<string>("--split") { Description = "validation (what training held back), training or all.", DefaultValueFactory = _ => "validation" };
        split.AcceptOnlyFromAmong("validation", "training", "all");
        var list = new Option<string?>("--list") { Description = "Write the files of the split to this file, a line each (image folders only)." };
        var device = new Option<string>("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu" };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("evaluate", "Measure top-1, planned FLOPs and per-block run rates of a bundle.") { bundle, data, effort, split, list, device, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            double[] efforts = parsed.GetValue(effort)!;
            if (efforts.Length == 0 || !Array.TrueForAll(efforts, value => value is > 0 and <= 1))
            {
                throw new ArgumentException($"--effort: each lies in (0, 1], not {string.Join(' ', efforts)}.");
            }

            Bundle opened = Bundle.Open(parsed.GetValue(bundle)!);
            string folder = parsed.GetValue(data)!;
            ImageSet images = DataSource.Read(folder, opened.Manifest.Input.Width);
            if (!images.Classes.SequenceEqual(opened.Manifest.Labels))
            {
                throw new InvalidDataException($"{folder}: its classes are not those of the bundle ({string.Join(", ", opened.Manifest.Labels)}).");
            }

            IReadOnlyList<int> indices = Choose(images, opened.Manifest, parsed.GetValue(split)!);
            if (parsed.GetValue(list) is string file)
            {
                IReadOnlyList<(string Path, int Label)> files = ImageFolder.List(folder).Files;
                await File.WriteAllLinesAsync(file, indices.Select(i => files[i].Path), cancellation);
            }

            using InferenceEngine engine = InferenceEngine.Load(opened, new EngineOptions { Device = parsed.GetValue(device)! });
            var reports = new List<EffortReport>();
            foreach (double value in efforts)
            {
                reports.Add(await BundleEvaluator.MeasureAsync(engine, images, indices, value, cancellation));
            }

            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(reports, Json));
            }
            else
            {
                Print(opened.Manifest, parsed.GetValue(split)!, reports);
            }

            return 0;
        });
        return command;
    }

    private static IReadOnlyList<int> Choose(ImageSet images, BundleManifest manifest, string split)
    {
        if (split == "all")
        {
            return [.. Enumerable.Range(0, images.Count)];
        }

        var sides = Split.ByContent(images, DataSource.HeldBack(manifest));
        if (manifest.Provenance.ValidationDigest is string digest && digest != sides.Digest)
        {
            throw new InvalidDataException(
                $"These are not the images that {manifest.Model}/{manifest.Version} was trained on, or they decode to other pixels, so which of them it was "
                + "trained on is unknown. --split all measures all of them.");
        }

        return split == "validation" ? sides.Validation : sides.Training;
    }

    private static void Print(BundleManifest manifest, string split, List<EffortReport> reports)
    {
        Console.WriteLine($"{manifest.Model}/{manifest.Version} on {reports[0].Images} images ({split}); dense: {reports[0].DenseFlops / 1e6:F2} MFLOPs");
        var table = new Table().AddColumns("effort", "top-1", "mean MFLOPs", "of dense", "p95 MFLOPs");
        foreach (EffortReport report in reports)
        {
            table.AddRow(
                $"{report.Effort:0.##}", $"{report.Top1:P2}", $"{report.MeanFlops / 1e6:F2}", $"{report.MeanFlops / report.DenseFlops:P1}", $"{report.P95Flops / 1e6:F2}");
        }

        AnsiConsole.Write(table);
        var blocks = new Table().Title("images that ran each block, and channels kept where they did");
        blocks.AddColumn("block");
        blocks.AddColumns([.. reports.Select(report => $"effort {report.Effort:0.##}")]);
        for (int block = 0; block < manifest.Blocks.Count; block++)
        {
            blocks.AddRow([$"{block}", .. reports.Select(report => $"{report.RunRates[block]:P1}, {report.KeptChannels[block]:P1}")]);
        }

        AnsiConsole.Write(blocks);
    }
}
