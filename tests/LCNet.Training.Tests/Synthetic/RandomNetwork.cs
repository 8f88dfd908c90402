using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Synthetic;

/// <summary>Untrained networks whose every parameter and statistic is random, so that nothing about them is neutral by chance.</summary>
internal static class RandomNetwork
{
    private const int WarmUpBatch = 16;

    private static readonly Dictionary<(BlockKind, GateSpan), LcNet> Known = [];

    /// <summary>A tiny network with an identity and a projection shortcut, except that a bottleneck's first block always projects.</summary>
    public static ResNetSpec Tiny(BlockKind kind, GateSpan span) => new()
    {
        Kind = kind,
        Span = span,
        BlocksPerStage = kind == BlockKind.Basic ? [1, 2, 1] : [2, 2],
        Width = 4,
        HiddenUnits = kind == BlockKind.Basic ? 5 : 0,
        Classes = RandomImages.Classes.Count,
        InputSize = 16,
    };

    /// <summary>The random network of <see cref="Tiny"/>, made once. Whoever changes it makes one of his own.</summary>
    public static LcNet Shared(BlockKind kind, GateSpan span)
    {
        if (!Known.ContainsKey((kind, span)))
        {
            // On a thread of its own: the dispose scope that a test may be in would take the network with it.
            var maker = new Thread(() => Known.Add((kind, span), Make(Tiny(kind, span), 1 + (3 * (int)kind) + (int)span)));
            maker.Start();
            maker.Join();
        }

        return Known[(kind, span)];
    }

    /// <summary>Makes a network whose gates are open for some images and closed for others, in evaluation mode.</summary>
    public static LcNet Make(ResNetSpec spec, int seed)
    {
        manual_seed(seed);
        var network = new LcNet(spec);
        Randomise(network);
        WarmUp(network, seed);
        network.eval();
        OpenGates(network, seed);
        network.Prices = [.. network.Prices.Select((point, i) => point with { Price = 0.4 - (0.2 * i) })];
        return network;
    }

    /// <summary>Writes a network as <c>&lt;folder&gt;/&lt;model&gt;/&lt;version&gt;</c>.</summary>
    public static Bundle Export(
        LcNet network, string folder, string model = "random", int version = 1, IReadOnlyList<CalibrationPoint>? calibration = null, bool half = false) =>
        BundleExporter.Write(
            network,
            new BundleDescription
            {
                Model = model,
                Version = version,
                HalfPrecision = half,
                Labels = [.. Enumerable.Range(0, network.Spec.Classes).Select(label => $"class {label}")],
                Normalisation = Normalisation,
                Calibration = calibration ?? [new CalibrationPoint(1, network.Cost.Dense, network.Cost.Dense, 0.5, 0.1)],
                Provenance = new Provenance("random numbers", "none", new Dictionary<string, string>(), 0, 0, "tests"),
            },
            Path.Combine(folder, model, $"{version}"));

    /// <summary>Of no images in particular.</summary>
    public static Normalisation Normalisation { get; } = new([0.5f, 0.45f, 0.4f], [0.3f, 0.25f, 0.35f]);

    private static void Randomise(LcNet network)
    {
        using var noGrad = no_grad();
        foreach ((string name, Parameter parameter) in network.named_parameters())
        {
            string field = name[(name.LastIndexOf("._", StringComparison.Ordinal) + 1)..];
            switch (field)
            {
                case "_norm.weight":
                    parameter.uniform_(0.5, 1.5);
                    break;
                case "_norm.bias":
                    parameter.normal_(0, 0.3);
                    break;
            }
        }
    }

    private static void OpenGates(LcNet network, int seed)
    {
        using var scope = NewDisposeScope();
        ImageSet images = RandomImages.Make(60, network.Spec.InputSize, seed + 1);
        (Tensor x, _) = new BatchReader(images, Normalisation).Read([.. Enumerable.Range(0, images.Count)], Augmentation.None, 0, new Random(seed));
        network.OpenGatesAtRandom(x, 0.7, 0.7);
    }

    // Running statistics come from images, as in training: dense steps and gated ones, so that logits stay of order 1 in both.
    private static void WarmUp(LcNet network, int seed)
    {
        using var noGrad = no_grad();
        network.train();
        ImageSet images = RandomImages.Make(5 * WarmUpBatch, network.Spec.InputSize, seed);
        var reader = new BatchReader(images, Normalisation);
        var random = new Random(seed);
        for (int step = 0; step < 80; step++)
        {
            using var scope = NewDisposeScope();
            int[] batch = [.. Enumerable.Range(0, WarmUpBatch).Select(_ => random.Next(images.Count))];
            (Tensor x, _) = reader.Read(batch, Augmentation.None, 0, random);
            network.Forward(x, step % 4 == 0 ? null : rand(WarmUpBatch, 1) - 0.5);
        }
    }
}
