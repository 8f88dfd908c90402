namespace LCNet.Bundles.Tests;

/// <summary>One block of a random network.</summary>
/// <param name="Bottleneck">Otherwise basic.</param>
/// <param name="Halves">Whether it halves the map; the shortcut is then a projection.</param>
/// <param name="Widens">Output channels added to those that enter; above 0 the shortcut is a projection.</param>
/// <param name="Channels">Inner channels.</param>
/// <param name="EndsSpan">Whether the gate of the next block is another one.</param>
internal sealed record BlockChoice(bool Bottleneck, bool Halves, int Widens, int Channels, bool EndsSpan);

/// <summary>Random valid manifests: 1 to 6 blocks of both kinds, cut into spans anywhere.</summary>
internal static class SyntheticNetwork
{
    private const int Side = 8;

    private static readonly Gen<BlockChoice> Choice =
        Gen.Select(Gen.Bool, Gen.Bool, Gen.Int[0, 2], Gen.Int[1, 10], Gen.Bool, (bottleneck, halves, widens, channels, ends) =>
            new BlockChoice(bottleneck, halves, widens, channels, ends));

    /// <summary>Manifests that break no rule. Their files are not hashed yet.</summary>
    public static Gen<BundleManifest> Any { get; } =
        Gen.Select(Choice.Array[1, 6], Gen.Int[1, 5], Gen.Int[2, 5], (blocks, channels, labels) => Make(blocks, channels, labels));

    /// <summary>A small network with a shortcut of each sort, a block of each kind and two spans.</summary>
    public static BundleManifest Example { get; } = Make(
        [new BlockChoice(false, false, 0, 4, false), new BlockChoice(true, true, 2, 3, true), new BlockChoice(false, false, 0, 5, true)], 3, 3);

    public static BundleManifest Make(IReadOnlyList<BlockChoice> choices, int channels, int labels)
    {
        var stem = new SegmentSpec("stem.onnx", 2L * 9 * 3 * channels * Side * Side, new MapShape(channels, Side, Side));
        var blocks = new List<BlockSpec>();
        MapShape shape = stem.Output;
        foreach (BlockChoice choice in choices)
        {
            blocks.Add(Block(choice, shape, blocks.Count));
            shape = blocks[^1].Output;
        }

        var logits = new MapShape(labels, 1, 1);
        var head = new SegmentSpec("head.onnx", 2L * shape.Channels * labels, logits);
        long dense = stem.Flops + head.Flops + blocks.Sum(block => BruteForce.Block(block, block.Channels));
        return new BundleManifest
        {
            Format = BundleManifest.CurrentFormat,
            Model = "synthetic",
            Version = 7,
            Labels = [.. Enumerable.Range(0, labels).Select(label => $"class “{label}”")],
            Input = new InputSpec(Side, Side, InputSpec.Rgb, [0.49f, 0.48f, 0.45f], [0.25f, 0.24f, 0.26f], InputSpec.FitCrop),
            Stem = stem,
            Spans = Spans(choices),
            Blocks = blocks,
            Head = head,
            Dense = new DenseSpec(dense, logits) { File = "dense.onnx" },
            Prices = [new(0.25, 1.75), new(0.6, 0.5), new(1, 0)],
            Calibration = [new(0.25, dense * 0.3, dense / 2, 0.81, 0.01), new(0.5, dense * 0.6, dense, 0.9, 0.01), new(1, dense * 0.9, dense, 0.93, 0.01)],
            Provenance = new Provenance("random bytes", "none", new Dictionary<string, string> { ["digest"] = "not the digest" }, 1, 2, "tests"),
            Files = new Dictionary<string, string>(),
        };
    }

    private static BlockSpec Block(BlockChoice choice, MapShape input, int index)
    {
        bool halves = choice.Halves && input.Height > 1;
        var output = new MapShape(input.Channels + choice.Widens, halves ? input.Height / 2 : input.Height, halves ? input.Width / 2 : input.Width);
        bool projects = output != input;
        long before = input.Height * input.Width;
        long after = output.Height * output.Width;
        var flops = new BlockFlops(
            projects ? 2 * after * input.Channels * output.Channels : 0,
            choice.Bottleneck ? 2 * ((before * input.Channels) + (after * output.Channels)) : 18 * after * (input.Channels + output.Channels),
            choice.Bottleneck ? 18 * after : 0);
        return new BlockSpec(
            $"block_{index:00}.onnx",
            choice.Bottleneck ? BlockSpec.Bottleneck : BlockSpec.Basic,
            input,
            output,
            choice.Channels,
            flops,
            projects ? $"shortcut_{index:00}.onnx" : null);
    }

    private static List<SpanSpec> Spans(IReadOnlyList<BlockChoice> choices)
    {
        var spans = new List<SpanSpec>();
        int first = 0;
        for (int i = 0; i < choices.Count; i++)
        {
            if (choices[i].EndsSpan || i == choices.Count - 1)
            {
                // Any cost will do: a gate's FLOPs are stated, not derived from a shape.
                spans.Add(new SpanSpec($"gate_{spans.Count:00}.onnx", 1000 + (17 * i), first, i + 1 - first));
                first = i + 1;
            }
        }

        return spans;
    }
}
