using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Networks;

namespace LCNet.Training.Export;

/// <summary>What a bundle says besides what its network tells.</summary>
public sealed record BundleDescription
{
    /// <summary>Model name: lower-case letters, digits, <c>.</c>, <c>_</c> and <c>-</c>.</summary>
    public required string Model { get; init; }

    /// <summary>Version of the model, at least 1.</summary>
    public required int Version { get; init; }

    /// <summary>Class names in the order of the logits.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Mean and deviation of the input.</summary>
    public required Normalisation Normalisation { get; init; }

    /// <summary>Effort, FLOPs and accuracy on validation images.</summary>
    public required IReadOnlyList<CalibrationPoint> Calibration { get; init; }

    /// <summary>Where the weights came from.</summary>
    public required Provenance Provenance { get; init; }

    /// <summary>Whether the weights of convolutions and of the head are stored in half precision; they are widened where a bundle is loaded.</summary>
    public bool HalfPrecision { get; init; }
}

/// <summary>Writes a network as a bundle: one ONNX file a segment, and the manifest.</summary>
public static class BundleExporter
{
    /// <summary>Writes the bundle to a folder, which is made where it does not exist.</summary>
    /// <param name="network">Its weights and running statistics are exported; it is not changed.</param>
    /// <param name="folder">By convention <c>&lt;models&gt;/&lt;model&gt;/&lt;version&gt;</c>.</param>
    /// <returns>The bundle, read back and verified against its manifest.</returns>
    /// <exception cref="BundleException">The description breaks a rule of the manifest.</exception>
    public static Bundle Write(LcNet network, BundleDescription description, string folder)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(description);
        Directory.CreateDirectory(folder);
        var graphs = new SegmentGraphs(network, description.HalfPrecision);
        ResNetSpec spec = network.Spec;
        NetworkCost cost = network.Cost;

        SegmentSpec Save(OnnxGraph graph, string file, long flops, MapShape output)
        {
            graph.Save(Path.Combine(folder, file));
            return new SegmentSpec(file, flops, output);
        }

        var logits = new MapShape(spec.Classes, 1, 1);
        var manifest = new BundleManifest
        {
            Format = BundleManifest.CurrentFormat,
            Model = description.Model,
            Version = description.Version,
            Labels = description.Labels,
            Input = new InputSpec(
                spec.InputSize, spec.InputSize, InputSpec.Rgb, description.Normalisation.Mean, description.Normalisation.Std, InputSpec.FitCrop),
            Stem = Save(graphs.Stem(), "stem.onnx", cost.Stem, new MapShape(spec.Width, spec.StemSize, spec.StemSize)),
            Spans = [.. spec.Spans().Select((span, i) =>
            {
                string file = $"gate_{i:00}.onnx";
                graphs.Gate(i).Save(Path.Combine(folder, file));
                return new SpanSpec(file, cost.Gates[i], span.First, span.Count);
            })],
            Blocks = [.. network.Blocks.Select((block, i) => WriteBlock(graphs, block, i, folder))],
            Head = Save(graphs.Head(), "head.onnx", cost.Head, logits),
            Dense = new DenseSpec(cost.Dense, logits),
            Prices = [.. network.Prices.Select(point => point with { Price = point.Price + network.PriceOffset })],
            Calibration = description.Calibration,
            Provenance = description.Provenance,
            Files = new Dictionary<string, string>(),
        };
        return Bundle.Write(folder, manifest);
    }

    private static BlockSpec WriteBlock(SegmentGraphs graphs, ResidualBlock block, int index, string folder)
    {
        string file = $"block_{index:00}.onnx";
        graphs.Block(index).Save(Path.Combine(folder, file));
        string? shortcut = null;
        if (block.Projection is not null)
        {
            shortcut = $"shortcut_{index:00}.onnx";
            graphs.Shortcut(index).Save(Path.Combine(folder, shortcut));
        }

        BlockShape shape = block.Shape;
        return new BlockSpec(
            file,
            block.Middle is null ? BlockSpec.Basic : BlockSpec.Bottleneck,
            new MapShape(shape.InputChannels, shape.InputSize, shape.InputSize),
            new MapShape(shape.OutputChannels, shape.OutputSize, shape.OutputSize),
            shape.InnerChannels,
            block.Flops,
            shortcut);
    }
}
