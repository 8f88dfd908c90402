using LCNet.Bundles;
using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>The weights of a bundle as the SIMD executor takes them, read from its ONNX segments. Immutable and thread-safe.</summary>
internal sealed class SimdNetwork
{
    /// <summary>Reads every segment.</summary>
    /// <exception cref="BundleException">A segment's graph is not one that this executor knows; the message names the file.</exception>
    public SimdNetwork(Bundle bundle)
    {
        Manifest = bundle.Manifest;
        MapShape stem = Manifest.Stem.Output;
        HasPoolingStem = stem.Height != Manifest.Input.Height;
        var stemWeights = HasPoolingStem
            ? new OnnxWeights(bundle, Manifest.Stem.File, "Conv", "Relu", "MaxPool")
            : new OnnxWeights(bundle, Manifest.Stem.File, "Conv", "Relu");
        Stem = HasPoolingStem ? stemWeights.Convolution(stem.Channels, 3, 7) : stemWeights.Convolution(stem.Channels, 3, 3);
        Gates = [.. Manifest.Spans.Select(span => ReadGate(bundle, span))];
        Blocks = [.. Manifest.Blocks.Select(block => ReadBlock(bundle, block))];
        int channels = Manifest.Blocks[^1].Output.Channels;
        var head = new OnnxWeights(bundle, Manifest.Head.File, "GlobalAveragePool", "Flatten", "Gemm");
        (float[] weights, float[] bias) = head.Linear("logits", Manifest.Labels.Count, channels);
        Head = new LinearLayer(weights, bias);
    }

    /// <summary>The manifest of the bundle that the weights belong to.</summary>
    public BundleManifest Manifest { get; }

    /// <summary>Whether the stem halves its input twice, the second time by pooling.</summary>
    public bool HasPoolingStem { get; }

    /// <summary>The stem's convolution.</summary>
    public Convolution Stem { get; }

    /// <summary>The gates of each span.</summary>
    public IReadOnlyList<GateWeights> Gates { get; }

    /// <summary>The blocks.</summary>
    public IReadOnlyList<BlockWeights> Blocks { get; }

    /// <summary>The classifier.</summary>
    public LinearLayer Head { get; }

    private static GateWeights ReadGate(Bundle bundle, SpanSpec span)
    {
        BundleManifest manifest = bundle.Manifest;
        int inputs = manifest.Blocks[span.FirstBlock].Input.Channels + 1;
        var weights = new OnnxWeights(bundle, span.File, ["GlobalAveragePool", "Flatten", "Concat", "Gemm", "Clip", "Gemm", "Clip"], ["Gemm", "Relu"], 2);
        return new GateWeights(ReadGate("layers", span.Blocks), ReadGate("channels", manifest.ChannelsOf(span)));

        GateLayers ReadGate(string output, int outputs)
        {
            int hidden = weights.HiddenUnits(output);
            (float[] gateWeights, float[] gateBias) = weights.Linear(output, outputs, hidden > 0 ? hidden : inputs);
            if (hidden == 0)
            {
                return new GateLayers(null, new LinearLayer(gateWeights, gateBias), 0);
            }

            (float[] hiddenWeights, float[] hiddenBias) = weights.Hidden(output, hidden, inputs);
            return new GateLayers(new LinearLayer(hiddenWeights, hiddenBias), new LinearLayer(gateWeights, gateBias), hidden);
        }
    }

    private static BlockWeights ReadBlock(Bundle bundle, BlockSpec block)
    {
        (int inputs, int inner, int outputs) = (block.Input.Channels, block.Channels, block.Output.Channels);
        List<string> operations =
            ["Unsqueeze", "Unsqueeze", "Gather", "Gather", "Conv", "Relu", "Mul", "Gather", "Conv", "Mul", "Add", "Relu"];
        if (block.Kind == BlockSpec.Bottleneck)
        {
            operations.AddRange(["Gather", "Gather", "Gather", "Conv", "Relu", "Mul"]);
        }

        if (block.ShortcutFile is not null)
        {
            operations.Add("Conv");
        }

        var weights = new OnnxWeights(bundle, block.File, [.. operations]);
        Convolution? projection = block.ShortcutFile is null ? null : weights.Convolution(outputs, inputs, 1);
        Convolution? shortcut = block.ShortcutFile is null ? null : new OnnxWeights(bundle, block.ShortcutFile, "Conv", "Relu").Convolution(outputs, inputs, 1);
        return block.Kind == BlockSpec.Basic
            ? new BlockWeights(weights.Convolution(inner, inputs, 3, 0), null, weights.Convolution(outputs, inner, 3, 1), projection, shortcut)
            : new BlockWeights(
                weights.Convolution(inner, inputs, 1, 0),
                weights.Convolution(inner, inner, 3, 0, 1),
                weights.Convolution(outputs, inner, 1, 1),
                projection,
                shortcut);
    }
}

/// <summary>The convolutions of a block.</summary>
/// <param name="First">From the block's input to its inner channels.</param>
/// <param name="Middle">Between inner channels; of a bottleneck only.</param>
/// <param name="Last">From inner channels to the block's output.</param>
/// <param name="Projection">The shortcut's while the block runs; null for an identity.</param>
/// <param name="Shortcut">The shortcut's where the block is skipped; null for an identity.</param>
internal sealed record BlockWeights(Convolution First, Convolution? Middle, Convolution Last, Convolution? Projection, Convolution? Shortcut);

/// <summary>L-Net and C-Net of a span.</summary>
/// <param name="Layers">One output a block.</param>
/// <param name="Channels">One output a channel, block after block.</param>
internal sealed record GateWeights(GateLayers Layers, GateLayers Channels);

/// <summary>The layers of one gate, ahead of its clamp.</summary>
/// <param name="Hidden">Followed by a ReLU; null where there is none.</param>
/// <param name="Output">The last one.</param>
/// <param name="HiddenUnits">Outputs of <paramref name="Hidden"/>; 0 where there is none.</param>
internal sealed record GateLayers(LinearLayer? Hidden, LinearLayer Output, int HiddenUnits);
