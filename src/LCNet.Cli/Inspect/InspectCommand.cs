using System.CommandLine;
using LCNet.Bundles;
using Spectre.Console;

namespace LCNet.Cli.Inspect;

/// <summary><c>lcnet inspect</c>: verifies a bundle and prints its parts, shapes and costs.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var bundle = new Argument<string>("bundle") { Description = "Folder of the bundle, for example models/cifar10-lcnet/1." };
        var command = new Command("inspect", "Verify a bundle and print its blocks, shapes and FLOPs.") { bundle };
        command.SetAction(parsed =>
        {
            Print(Bundle.Open(parsed.GetValue(bundle)!));
            return 0;
        });
        return command;
    }

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

        var efforts = new Table().AddColumns("effort", "mean FLOPs", "of dense", "p95 FLOPs", "top-1", "± s.e.").Title(manifest.Provenance.Split);
        foreach (CalibrationPoint point in manifest.Calibration)
        {
            efforts.AddRow($"{point.Effort:0.##}", $"{point.MeanFlops:F0}", $"{point.MeanFlops / bundle.Flops.Dense:P1}", $"{point.P95Flops:F0}", $"{point.Top1:P2}", $"{point.Top1StandardError:P2}");
        }

        AnsiConsole.Write(efforts);
    }
}
