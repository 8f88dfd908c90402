using System.CommandLine;
using System.Text.Json;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Training.Data;
using Spectre.Console;

namespace LCNet.Cli.Evaluate;

/// <summary><c>lcnet evaluate</c>: accuracy, FLOPs and run rates of a bundle on labelled images, with pictures.</summary>
internal static class EvaluateCommand
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create()
    {
        var bundle = new Argument<string>("bundle") { Description = "Folder of the bundle, for example models/cifar10-lcnet/1." };
        var data = new Argument<string>("data") { Description = "Folder of images with one sub-folder a class, or of CIFAR-10's binary files." };
        var effort = NumberOption.Several<double>("--effort", "Efforts to measure, in (0, 1]. Default: 1, unless --max-flops is given.");
        var cap = NumberOption.Several<long>("--max-flops", "Caps on each image's FLOPs to measure.");
        var split = new Option<string>("--split") { Description = "validation (what training held back), training or all.", DefaultValueFactory = _ => "validation" };
        split.AcceptOnlyFromAmong("validation", "training", "all");
        var list = new Option<string?>("--list") { Description = "Write the files of the split to this file, a line each (image folders only)." };
        var plot = new Option<string?>("--plot") { Description = "Draw accuracy against MACs, FLOPs of easy and hard images, and channels that run, as PNG and SVG in this folder." };
        var card = new Option<string?>("--card") { Description = "Write a model card to this Markdown file." };
        var against = new Option<string[]>("--against") { Description = "Bundles of static networks (lcnet train --gates none) to draw and list beside this one, in --plot and --card.", AllowMultipleArgumentsPerToken = true };
        var judge = new Option<string?>("--judge") { Description = "Bundle whose static network tells easy images from hard ones, for --plot and --card. Default: this bundle." };
        var device = new Option<string>("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu" };
        var calibrate = new Option<bool>("--calibrate") { Description = "Measure every effort of the bundle's table, instead of --effort and --max-flops, and write into it how often each agrees with the whole network, for servers to compare live traffic with." };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("evaluate", "Measure top-1, planned FLOPs and per-block run rates of a bundle.")
        {
            bundle, data, effort, cap, split, list, plot, against, card, judge, device, calibrate, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            Bundle opened = Bundle.Open(parsed.GetValue(bundle)!);
            bool calibrates = parsed.GetValue(calibrate);
            long[] caps = parsed.GetValue(cap) ?? [];
            double[] efforts = parsed.GetValue(effort) ?? [];
            if (calibrates && (efforts.Length > 0 || caps.Length > 0 || parsed.GetValue(split) != "validation"))
            {
                throw new ArgumentException("--calibrate measures the efforts of the bundle's table on the validation images: no --effort, --max-flops or other --split goes with it.");
            }

            if (efforts.Length == 0)
            {
                efforts = calibrates ? [.. opened.Manifest.Calibration.Select(point => point.Effort)] : caps.Length == 0 ? [1] : [];
            }

            Check(opened, efforts, caps);
            string folder = parsed.GetValue(data)!;
            ImageSet images = DataSource.Open(folder, opened.Manifest.Input.Width);
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
            var evaluator = new BundleEvaluator(engine, images, indices);
            var measurements = new List<Measurement>();
            foreach (double value in efforts)
            {
                measurements.Add(evaluator.MeasureEffort(value, cancellation));
            }

            foreach (long value in caps)
            {
                measurements.Add(evaluator.MeasureCap(value, cancellation));
            }

            if (calibrates)
            {
                Bundle.Write(opened.Folder, opened.Manifest with
                {
                    Calibration = [.. opened.Manifest.Calibration.Zip(measurements, (point, measured) => point with { Agreement = measured.Agreement, AgreementImages = measured.Images })],
                });
            }

            (string? pictures, string? cardFile) = (parsed.GetValue(plot), parsed.GetValue(card));
            StaticNetwork[] statics = [.. (parsed.GetValue(against) ?? []).Select(StaticNetwork.Open)];
            if (pictures is not null || cardFile is not null)
            {
                bool[] easy = evaluator.FindEasyImages(parsed.GetValue(judge) is string other ? Bundle.Open(other) : opened, cancellation);
                measurements = [.. measurements.Select(point => point with { Easy = EasyImages.Of(point.Flops, easy) })];
                if (pictures is not null)
                {
                    Draw(opened.Manifest, statics, pictures, measurements, easy);
                }
            }

            if (cardFile is not null)
            {
                await File.WriteAllTextAsync(cardFile, ModelCard.Write(opened.Manifest, measurements, statics), cancellation);
            }

            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(measurements, Json));
            }
            else
            {
                Print(opened.Manifest, parsed.GetValue(split)!, measurements);
            }

            return 0;
        });
        return command;
    }

    private static void Check(Bundle bundle, double[] efforts, long[] caps)
    {
        if (!Array.TrueForAll(efforts, value => value is > 0 and <= 1))
        {
            throw new ArgumentException($"--effort: each lies in (0, 1], not {string.Join(' ', efforts)}.");
        }

        if (!Array.TrueForAll(caps, value => value >= bundle.Flops.Minimum))
        {
            throw new ArgumentException($"--max-flops: each is at least {bundle.Flops.Minimum}, the cost of the cheapest path, not {string.Join(' ', caps)}.");
        }
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

    private static void Draw(BundleManifest manifest, StaticNetwork[] statics, string folder, List<Measurement> measurements, bool[] easy)
    {
        var pictures = new Pictures(folder, manifest);
        Measurement first = measurements[0];
        pictures.AccuracyAgainstMacs(
            [.. measurements.Where(point => point.Effort is not null)], [.. measurements.Where(point => point.MaxFlops is not null)], statics, PublishedResult.For(manifest.Labels));
        pictures.FlopsOfEasyAndHard(first, easy);
        pictures.Channels(first);
    }

    private static void Print(BundleManifest manifest, string split, List<Measurement> measurements)
    {
        Console.WriteLine($"{manifest.Model}/{manifest.Version} on {measurements[0].Images} images ({split}); dense: {measurements[0].DenseFlops / 1e6:F2} MFLOPs");
        var table = new Table().AddColumns("dial", "top-1", "± s.e.", "agreement", "mean MFLOPs", "of dense", "p5", "p95", "most");
        foreach (Measurement point in measurements)
        {
            table.AddRow(
                point.Dial, $"{point.Top1:P2}", $"{point.Top1StandardError:P2}", $"{point.Agreement:P2}", $"{point.MeanFlops / 1e6:F2}", $"{point.MeanFlops / point.DenseFlops:P1}",
                $"{point.P5Flops / 1e6:F2}", $"{point.P95Flops / 1e6:F2}", $"{point.MostFlops / 1e6:F2}");
        }

        AnsiConsole.Write(table);
        foreach (Measurement point in measurements.Where(point => point.Easy is not null))
        {
            Console.WriteLine(
                $"{point.Dial}: {point.Easy!.Count} images that the static network gets right with a probability of at least {EasyImages.Confidence:P0} "
                + $"take {point.Easy.MeanFlops / 1e6:F2} MFLOPs, the others {point.Easy.MeanFlopsOfOthers / 1e6:F2}");
        }

        var blocks = new Table().Title("images that ran each block, and channels kept where they did");
        blocks.AddColumn("block");
        blocks.AddColumns([.. measurements.Select(point => point.Dial)]);
        for (int block = 0; block < manifest.Blocks.Count; block++)
        {
            blocks.AddRow([$"{block}", .. measurements.Select(point => $"{point.RunRates[block]:P1}, {point.KeptChannels[block]:P1}")]);
        }

        AnsiConsole.Write(blocks);
        var classes = new Table().Title("top-1 of each class");
        classes.AddColumn("class");
        classes.AddColumns([.. measurements.Select(point => point.Dial)]);
        for (int label = 0; label < manifest.Labels.Count; label++)
        {
            classes.AddRow([Markup.Escape(manifest.Labels[label]), .. measurements.Select(point => $"{point.Top1PerClass[label]:P1}")]);
        }

        AnsiConsole.Write(classes);
    }
}
