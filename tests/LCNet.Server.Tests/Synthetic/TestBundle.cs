using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LCNet.Server.Tests;

/// <summary>Bundles of small untrained networks whose gates open for some images and close for others.</summary>
internal static class TestBundle
{
    public const int Side = 16;
    public const int Labels = 10;
    private const int Batch = 16;

    // Torch has one random generator a process.
    private static readonly Lock Torch = new();

    /// <summary>Writes <c>&lt;folder&gt;/&lt;model&gt;/&lt;version&gt;</c>.</summary>
    public static Bundle Write(string folder, string model, int version, int seed, bool bottleneck = false, int side = Side)
    {
        lock (Torch)
        {
            TorchLibrary.EnsureLoaded();
            LcNet network = Network(seed, bottleneck ? BlockKind.Bottleneck : BlockKind.Basic, side);
            NetworkCost cost = network.Cost;
            Bundle untimed = BundleExporter.Write(network, new BundleDescription
            {
                Model = model,
                Version = version,
                Labels = [.. Enumerable.Range(0, Labels).Select(label => $"class {label}")],
                Normalisation = new Normalisation([0.5f, 0.45f, 0.4f], [0.3f, 0.25f, 0.35f]),
                Calibration = [.. new[] { 0.25, 0.5, 1 }.Select(effort =>
                    new CalibrationPoint(effort, cost.Cheapest + (effort * (cost.Dense - cost.Cheapest)), cost.Dense, effort, 0.01) { Agreement = 0.95, AgreementImages = 500 })],
                Provenance = new Provenance("random numbers", "none", new Dictionary<string, string>(), seed, 0, "tests"),
            }, Path.Combine(folder, model, $"{version}"));
            return Bundle.Write(untimed.Folder, untimed.Manifest with
            {
                TimedOn = "a machine",
                Calibration = [.. untimed.Manifest.Calibration.Select(point => point with { Milliseconds = 3 * point.Effort })],
            });
        }
    }

    /// <summary>Copies a bundle to another version, which appears as a whole: under another name first.</summary>
    public static Bundle Copy(Bundle bundle, string folder, int version)
    {
        BundleManifest manifest = bundle.Manifest with { Version = version };
        string target = Path.Combine(folder, manifest.Model, $"{version}");
        DirectoryInfo incoming = Directory.CreateDirectory(Path.Combine(folder, manifest.Model, $"incoming-{version}", manifest.Model, $"{version}"));
        CopyFiles(bundle, incoming.FullName, _ => true);
        Bundle.Write(incoming.FullName, manifest);
        Directory.Move(incoming.FullName, target);
        Directory.Delete(Path.Combine(folder, manifest.Model, $"incoming-{version}"), recursive: true);
        return Bundle.Open(target);
    }

    /// <summary>Copies some of a bundle's files.</summary>
    public static void CopyFiles(Bundle bundle, string folder, Func<string, bool> isMeant)
    {
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.GetFiles(bundle.Folder).Where(file => isMeant(Path.GetFileName(file))))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }
    }

    private static LcNet Network(int seed, BlockKind kind, int side)
    {
        set_num_threads(1);
        manual_seed(seed);
        var network = new LcNet(new ResNetSpec { Kind = kind, BlocksPerStage = [2, 2], Width = 8, Classes = Labels, InputSize = side, Span = GateSpan.Block, HiddenUnits = 4, MinEffort = 0.25 });
        using var noGrad = no_grad();

        // Training begins with blocks that add nothing: such a network would answer the same whatever runs.
        foreach ((string name, Parameter parameter) in network.named_parameters())
        {
            if (name.EndsWith("_last._norm.weight", StringComparison.Ordinal))
            {
                parameter.uniform_(0.5, 1.5);
            }
        }

        // Running statistics as after training, so that activations and gates are neither all large nor all closed.
        network.train();
        for (int step = 0; step < 40; step++)
        {
            using var scope = NewDisposeScope();
            network.Forward(randn(Batch, 3, Side, Side), step % 2 == 0 ? null : rand(Batch, 1) - 0.5);
        }

        network.eval();
        using (var scope = NewDisposeScope())
        {
            network.OpenGatesAtRandom(randn(Batch, 3, side, side), 0.7, 0.7);
        }

        network.Prices = [.. network.Prices.Select((point, i) => point with { Price = 0.4 - (0.2 * i) })];
        return network;
    }
}
