using System.Text.Json.Serialization;

namespace LCNet.Bundles;

/// <summary>What <c>bundle.json</c> says: one LC-Net, its parts, what they cost and where it came from. Immutable.</summary>
public sealed record BundleManifest
{
    /// <summary>The format version that this build reads and writes.</summary>
    public const int CurrentFormat = 2;

    /// <summary>Name of the manifest's file in the bundle's folder.</summary>
    public const string FileName = "bundle.json";

    /// <summary>Whether a text can be the name of a model.</summary>
    public static bool IsModelName(string name) => ManifestRules.IsModelName(name);

    /// <summary>Format version of the bundle.</summary>
    public required int Format { get; init; }

    /// <summary>
    /// SHA-256 of this file as lower-case hexadecimal, taken with the 64 digits of the digest itself replaced by zeros.
    /// </summary>
    public string Digest { get; init; } = new('0', 64);

    /// <summary>Model name: lower-case letters, digits, <c>.</c>, <c>_</c> and <c>-</c>, at most 64 characters.</summary>
    public required string Model { get; init; }

    /// <summary>Version of the model, at least 1; the highest one is served by default.</summary>
    public required int Version { get; init; }

    /// <summary>Class names, in the order of the logits.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>What the network expects as input.</summary>
    public required InputSpec Input { get; init; }

    /// <summary>The first convolution. Input <c>image</c> [N, 3, H, W], output <c>y</c> [N, C, H', W'].</summary>
    public required SegmentSpec Stem { get; init; }

    /// <summary>The gates in order. Together they cover every block once.</summary>
    public required IReadOnlyList<SpanSpec> Spans { get; init; }

    /// <summary>The residual blocks in order.</summary>
    public required IReadOnlyList<BlockSpec> Blocks { get; init; }

    /// <summary>Pooling and classifier. Input <c>x</c> [N, C, H, W], output <c>logits</c> [N, labels].</summary>
    public required SegmentSpec Head { get; init; }

    /// <summary>The static network with every gate open: stem, all of every block, and head.</summary>
    public required DenseSpec Dense { get; init; }

    /// <summary>
    /// The price of compute that gates get at some efforts, by ascending effort; the last is effort 1. Between them it is linear, below the first it is that of
    /// the first.
    /// </summary>
    public required IReadOnlyList<EffortPrice> Prices { get; init; }

    /// <summary>What each effort costs and gives, measured on validation images, by ascending effort; the last is effort 1.</summary>
    public required IReadOnlyList<CalibrationPoint> Calibration { get; init; }

    /// <summary>The machine that <see cref="CalibrationPoint.Milliseconds"/> were measured on, in words; null where they were not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TimedOn { get; init; }

    /// <summary>Where the weights came from.</summary>
    public required Provenance Provenance { get; init; }

    /// <summary>SHA-256 of every file of the bundle but this one, by file name, as lower-case hexadecimal.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>The blocks that a span decides, in order.</summary>
    public IEnumerable<BlockSpec> BlocksOf(SpanSpec span)
    {
        ArgumentNullException.ThrowIfNull(span);
        return Blocks.Skip(span.FirstBlock).Take(span.Blocks);
    }

    /// <summary>How many channels a span decides: those of its blocks together.</summary>
    public int ChannelsOf(SpanSpec span) => BlocksOf(span).Sum(block => block.Channels);
}

/// <summary>How an image becomes the network's input.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Colour">Colour order of the planes; <c>rgb</c>.</param>
/// <param name="Mean">Mean of each plane in units of [0, 1]: input = (pixel / 255 − mean) / std.</param>
/// <param name="Std">Standard deviation of each plane, above 0.</param>
/// <param name="Resize"><c>fit-crop</c>: scale until the shorter side fits, crop at the centre.</param>
public sealed record InputSpec(
    [property: JsonRequired] int Width,
    [property: JsonRequired] int Height,
    [property: JsonRequired] string Colour,
    [property: JsonRequired] IReadOnlyList<float> Mean,
    [property: JsonRequired] IReadOnlyList<float> Std,
    [property: JsonRequired] string Resize)
{
    /// <summary>The one colour order of format 1.</summary>
    public const string Rgb = "rgb";

    /// <summary>The one resize rule of format 1.</summary>
    public const string FitCrop = "fit-crop";

    /// <summary>Values in one image: 3 × height × width.</summary>
    [JsonIgnore]
    public int Length => 3 * Width * Height;
}

/// <summary>Channels, height and width of an activation of one image.</summary>
/// <param name="Channels">At least 1.</param>
/// <param name="Height">At least 1.</param>
/// <param name="Width">At least 1.</param>
public sealed record MapShape(
    [property: JsonRequired] int Channels,
    [property: JsonRequired] int Height,
    [property: JsonRequired] int Width)
{
    /// <summary>Values of an activation: channels × height × width.</summary>
    [JsonIgnore]
    public long Length => (long)Channels * Height * Width;

    /// <inheritdoc/>
    public override string ToString() => $"{Channels}×{Height}×{Width}";
}

/// <summary>A segment without decisions: stem or head.</summary>
/// <param name="File">ONNX file in the bundle's folder.</param>
/// <param name="Flops">What one image costs.</param>
/// <param name="Output">Shape of the output of one image; a head's is labels × 1 × 1.</param>
public sealed record SegmentSpec(
    [property: JsonRequired] string File,
    [property: JsonRequired] long Flops,
    [property: JsonRequired] MapShape Output);

/// <summary>The static network, which is put together from the segments where it is run.</summary>
/// <param name="Flops">What one image costs.</param>
/// <param name="Output">Shape of the output of one image: labels × 1 × 1.</param>
public sealed record DenseSpec(
    [property: JsonRequired] long Flops,
    [property: JsonRequired] MapShape Output)
{
    /// <summary>A file that holds it once more, in bundles of before; null for none. It is verified as every file, and not read.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? File { get; init; }
}

/// <summary>
/// The gates of consecutive blocks, L-Net and C-Net in one segment. Inputs <c>x</c> [N, C, H, W], the activation that enters the span, and
/// <c>price</c> [N, 1], the price of compute; outputs <c>layers</c> [N, blocks] and <c>channels</c> [N, sum of the blocks' channels], all in [0, 1].
/// </summary>
/// <param name="File">ONNX file in the bundle's folder.</param>
/// <param name="Flops">What one image costs.</param>
/// <param name="FirstBlock">Index of the first block that it decides.</param>
/// <param name="Blocks">How many blocks it decides.</param>
public sealed record SpanSpec(
    [property: JsonRequired] string File,
    [property: JsonRequired] long Flops,
    [property: JsonRequired] int FirstBlock,
    [property: JsonRequired] int Blocks);

/// <summary>
/// A residual block. Inputs <c>x</c> [N, C, H, W], <c>keep</c> [k] int64 (ascending indices of the kept inner channels),
/// <c>channel_scale</c> [N, k] and <c>layer_scale</c> [N, 1]; output <c>y</c>.
/// </summary>
/// <param name="File">ONNX file in the bundle's folder.</param>
/// <param name="Kind"><c>basic</c> or <c>bottleneck</c>.</param>
/// <param name="Input">Shape of the activation that enters.</param>
/// <param name="Output">Shape of the activation that leaves.</param>
/// <param name="Channels">Inner channels to choose from.</param>
/// <param name="Flops">Cost as a function of kept channels.</param>
/// <param name="ShortcutFile">ONNX file of the shortcut alone, for images that skip the block (<c>x</c> to <c>y</c>); null for an identity.</param>
public sealed record BlockSpec(
    [property: JsonRequired] string File,
    [property: JsonRequired] string Kind,
    [property: JsonRequired] MapShape Input,
    [property: JsonRequired] MapShape Output,
    [property: JsonRequired] int Channels,
    [property: JsonRequired] BlockFlops Flops,
    string? ShortcutFile)
{
    /// <summary>Two 3×3 convolutions.</summary>
    public const string Basic = "basic";

    /// <summary>1×1, 3×3 and 1×1 convolutions.</summary>
    public const string Bottleneck = "bottleneck";
}

/// <summary>The price of compute at one effort: what a block or channel must be worth more than to run.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Price">At least 0; it never rises with effort.</param>
public sealed record EffortPrice([property: JsonRequired] double Effort, [property: JsonRequired] double Price);

/// <summary>What one effort costs and gives on the validation images.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="MeanFlops">Mean planned FLOPs an image.</param>
/// <param name="P95Flops">95th percentile of planned FLOPs.</param>
/// <param name="Top1">Share classified right, in [0, 1].</param>
/// <param name="Top1StandardError">Standard error of <paramref name="Top1"/>, in [0, 0.5].</param>
public sealed record CalibrationPoint(
    [property: JsonRequired] double Effort,
    [property: JsonRequired] double MeanFlops,
    [property: JsonRequired] long P95Flops,
    [property: JsonRequired] double Top1,
    [property: JsonRequired] double Top1StandardError)
{
    /// <summary>What an image took in the mean on the machine that <see cref="BundleManifest.TimedOn"/> names, above 0; null where it was not measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Milliseconds { get; init; }

    /// <summary>
    /// Share of images whose most probable class is that of the network with every gate open, in [0, 1]: what a server's shadow runs measure on live traffic. Null where it was not measured.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Agreement { get; init; }

    /// <summary>How many images <see cref="Agreement"/> was measured on, at least 1; null where it was not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? AgreementImages { get; init; }

    /// <summary>The standard error of a share: √(p(1 − p)/n).</summary>
    /// <param name="share">p, in [0, 1].</param>
    /// <param name="images">n, at least 1.</param>
    public static double StandardError(double share, int images) => Math.Sqrt(share * (1 - share) / images);
}

/// <summary>Where the weights came from.</summary>
/// <param name="Data">What they were trained on, with what a reader must know of it.</param>
/// <param name="Split">What the figures were measured on.</param>
/// <param name="Recipe">The options of the training, by name.</param>
/// <param name="Seed">Seed of the training.</param>
/// <param name="Epochs">Passes over the training images.</param>
/// <param name="Tool">Name and version of what wrote the bundle.</param>
public sealed record Provenance(
    [property: JsonRequired] string Data,
    [property: JsonRequired] string Split,
    [property: JsonRequired] IReadOnlyDictionary<string, string> Recipe,
    [property: JsonRequired] int Seed,
    [property: JsonRequired] int Epochs,
    [property: JsonRequired] string Tool)
{
    /// <summary>
    /// SHA-256 of the validation images' hashes in ascending order, as lower-case hexadecimal: who measures again can tell whether it is on the same
    /// images. Null where there was no validation split.
    /// </summary>
    public string? ValidationDigest { get; init; }
}
