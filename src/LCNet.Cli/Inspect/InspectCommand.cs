using System.CommandLine;
using LCNet.Bundles;
using LCNet.Training.Import;
using LCNet.Training.Networks;
using Spectre.Console;

namespace LCNet.Cli.Inspect;

/// <summary><c>lcnet inspect</c>: verifies a bundle and prints its parts, shapes and costs; of another tool's network it prints what would be imported.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("path") { Description = "Folder of a bundle, for example models/cifar10-lcnet/1; or a network of another tool: a .pth, .pt, .bin, .safetensors or .onnx file." };
        var command = new Command("inspect", "Verify a bundle and print its blocks, shapes and FLOPs; or print what would be imported from a network's file.") { path };
        command.SetAction(parsed =>
        {
            if (File.Exists(parsed.GetValue(path)))
            {
                Print(NetworkFile.Read(parsed.GetValue(path)!));
            }
            else
            {
                Print(Bundle.Open(parsed.GetValue(path)!));
            }

            return 0;
        });
        return command;
    }

    private static void Print(ImportedNetwork network)
    {
        Console.WriteLine($"format  {network.Format}{(network.IsFolded ? ", batch norm folded into convolutions" : string.Empty)}");
        Console.WriteLine($"stem    {(network.Stem == StemKind.ImageNet ? "7×7 convolution of stride 2, 3×3 max pool" : "3×3 convolution")}");
        Console.WriteLine($"blocks  {(network.Kind == BlockKind.Basic ? "basic" : "bottleneck")}, {string.Join(',', network.BlocksPerStage.Zip(network.Widths, (blocks, width) => $"{blocks}x{width}"))}{StrideOf(network)}");
        Console.WriteLine($"head    {network.Features} features{(network.Classes is int classes ? $", {classes} classes" : ", no classifier")}");
        Console.WriteLine($"input   {(network.InputSize is int size ? $"3×{size}×{size}" : "of a size that the file does not say")}, {MeanOf(network)}; whether red or blue comes first no file says");
    }

    private static string StrideOf(ImportedNetwork network) => (network.Kind, network.StridesFirst) switch
    {
        (BlockKind.Basic, _) => string.Empty,
        (_, true) => ", stride in the first 1×1 convolution (v1)",
        (_, false) => ", stride in the 3×3 convolution (v1.5)",
        _ => ", stride in the 3×3 convolution (v1.5) unless told otherwise: the file does not say",
    };

    private static string MeanOf(ImportedNetwork network) => network.Normalisation is { } normalisation
        ? $"mean {string.Join(' ', normalisation.Mean)}, std {string.Join(' ', normalisation.Std)}"
        : "mean and std not in the file";

    private static void Print(Bundle bundle)
    {
        BundleManifest manifest = bundle.Manifest;
        Console.WriteLine($"{manifest.Model}/{manifest.Version}: every file matches the manifest");
        Console.WriteLine($"input   3×{manifest.Input.Height}×{manifest.Input.Width} {manifest.Input.Colour}, mean {string.Join(' ', manifest.Input.Mean)}, std {string.Join(' ', manifest.Input.Std)}, {manifest.Input.Resize}");
        Console.WriteLine($"labels  {manifest.Labels.Count}: {string.Join(", ", manifest.Labels.Take(20))}{(manifest.Labels.Count > 20 ? ", …" : string.Empty)}");
        Console.WriteLine($"data    {manifest.Provenance.Data}");
        Console.WriteLine($"recipe  {manifest.Provenance.Epochs} epochs, seed {manifest.Provenance.Seed}, {string.Join(", ", manifest.Provenance.Recipe.Select(entry => $"{entry.Key} {entry.Value}"))}; {manifest.Provenance.Tool}");
        Console.WriteLine($"FLOPs   dense {bundle.Flops.Dense:F0}, cheapest path {bundle.Flops.Minimum:F0}, gates {bundle.Flops.Gates:F0}");

        var parts = new Table().AddColumns("part", "output", "channels", "FLOPs", "shortcut", "a channel", "a channel²");
        parts.AddRow("stem", $"{manifest.Stem.Output}", string.Empty, $"{manifest.Stem.Flops:F0}", string.Empty, string.Empty, string.Empty);
        foreach (SpanSpec span in manifest.Spans)
        {
            parts.AddRow("gate", string.Empty, string.Empty, $"{span.Flops:F0}", string.Empty, string.Empty, string.Empty);
            for (int i = span.FirstBlock; i < span.FirstBlock + span.Blocks; i++)
            {
                BlockSpec block = manifest.Blocks[i];
                parts.AddRow(
                    $"{block.Kind} {i}", $"{block.Output}", $"{block.Channels}", $"{block.Flops.At(block.Channels):F0}",
                    $"{block.Flops.Shortcut:F0}", $"{block.Flops.PerChannel:F0}", $"{block.Flops.PerChannelSquared:F0}");
            }
        }

        parts.AddRow("head", $"{manifest.Labels.Count}", string.Empty, $"{manifest.Head.Flops:F0}", string.Empty, string.Empty, string.Empty);
        AnsiConsole.Write(parts);

        var efforts = new Table().AddColumns("effort", "mean FLOPs", "of dense", "p95 FLOPs", "top-1", "± s.e.", "agreement", "ms").Title(manifest.Provenance.Split);
        foreach (CalibrationPoint point in manifest.Calibration)
        {
            efforts.AddRow($"{point.Effort:0.##}", $"{point.MeanFlops:F0}", $"{point.MeanFlops / bundle.Flops.Dense:P1}", $"{point.P95Flops:F0}", $"{point.Top1:P2}", $"{point.Top1StandardError:P2}", point.Agreement is double agreement ? $"{agreement:P2}" : "–", point.Milliseconds is double milliseconds ? $"{milliseconds:0.###}" : "–");
        }

        AnsiConsole.Write(efforts);
        Console.WriteLine(manifest.TimedOn is null ? "ms      not measured: lcnet bench BUNDLE --data DATA --calibrate does" : $"ms      of an image, on {manifest.TimedOn}");
    }
}
