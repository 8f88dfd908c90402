using System.Text.RegularExpressions;

namespace LCNet.Bundles;

/// <summary>What must hold in a manifest. Every breach is reported, not only the first.</summary>
internal static partial class ManifestRules
{
    private const long MaxFlops = 1L << 50;
    private const int MaxSide = 4096;
    private const int MaxChannels = 1 << 16;

    // Keeps every sum of FLOPs within a long.
    private const int MaxBlocks = 1 << 10;

    /// <summary>The files that a manifest names, in no particular order.</summary>
    public static IEnumerable<string> NamedFiles(BundleManifest manifest) =>
        new[] { manifest.Stem.File, manifest.Head.File, manifest.Dense.File }.OfType<string>()
            .Concat(manifest.Spans.Select(span => span.File))
            .Concat(manifest.Blocks.Select(block => block.File))
            .Concat(manifest.Blocks.Select(block => block.ShortcutFile).OfType<string>());

    /// <summary>Whether a name is that of a plain file in the bundle's own folder.</summary>
    public static bool IsFileName(string name) => FileNamePattern().IsMatch(name);

    /// <summary>Whether a text can be the name of a model.</summary>
    public static bool IsModelName(string name) => ModelPattern().IsMatch(name);

    /// <summary>Every rule that the manifest breaks, as a line each.</summary>
    public static IReadOnlyList<string> Check(BundleManifest manifest)
    {
        var problems = new List<string>();
        void Require(bool good, string problem)
        {
            if (!good)
            {
                problems.Add(problem);
            }
        }

        Require(IsModelName(manifest.Model), $"model '{manifest.Model}' is not a name of lower-case letters, digits, '.', '_' and '-'");
        Require(manifest.Version >= 1, $"version {manifest.Version} is below 1");
        Require(manifest.Labels.Count >= 2 && manifest.Labels.All(label => !string.IsNullOrWhiteSpace(label)), "labels: at least two, none empty");
        Require(manifest.Labels.Distinct(StringComparer.Ordinal).Count() == manifest.Labels.Count, "labels: one stands twice");
        Require(!string.IsNullOrWhiteSpace(manifest.Provenance.Data), "provenance: data is empty");
        CheckInput(manifest.Input, Require);
        CheckShapes(manifest, Require);
        CheckSpans(manifest, Require);
        CheckFlops(manifest, Require);
        CheckPrices(manifest.Prices, Require);
        CheckCalibration(manifest, Require);

        foreach (string file in NamedFiles(manifest))
        {
            Require(IsFileName(file), $"'{file}' is not the name of an ONNX file in the bundle's folder");
            Require(manifest.Files.ContainsKey(file), $"files: no SHA-256 for {file}");
        }

        foreach ((string file, string hash) in manifest.Files)
        {
            Require(IsFileName(file), $"files: '{file}' is not the name of an ONNX file in the bundle's folder");
            Require(HashPattern().IsMatch(hash), $"files: the SHA-256 of {file} is not 64 hexadecimal digits");
        }

        return problems;
    }

    private static void CheckInput(InputSpec input, Action<bool, string> require)
    {
        require(input.Width is >= 1 and <= MaxSide && input.Height is >= 1 and <= MaxSide, $"input: {input.Width}×{input.Height} is outside 1 to {MaxSide} pixels");
        require(input.Colour == InputSpec.Rgb, $"input: colour '{input.Colour}' is unknown; format 1 has '{InputSpec.Rgb}'");
        require(input.Resize == InputSpec.FitCrop, $"input: resize rule '{input.Resize}' is unknown; format 1 has '{InputSpec.FitCrop}'");
        require(input.Mean.Count == 3 && input.Mean.All(float.IsFinite), "input: mean is not three finite numbers");
        require(input.Std.Count == 3 && input.Std.All(std => float.IsFinite(std) && std > 0), "input: std is not three numbers above 0");
    }

    private static void CheckShapes(BundleManifest manifest, Action<bool, string> require)
    {
        require(manifest.Blocks.Count is >= 1 and <= MaxBlocks, $"blocks: {manifest.Blocks.Count} is outside 1 to {MaxBlocks}");
        require(IsShape(manifest.Stem.Output), $"stem: output {manifest.Stem.Output} is out of range");
        MapShape previous = manifest.Stem.Output;
        for (int i = 0; i < manifest.Blocks.Count; i++)
        {
            BlockSpec block = manifest.Blocks[i];
            require(IsShape(block.Output), $"block {i}: output {block.Output} is out of range");
            require(block.Input == previous, $"block {i}: takes {block.Input}, but what comes before gives {previous}");
            require(block.Channels is >= 1 and <= MaxChannels, $"block {i}: {block.Channels} channels is outside 1 to {MaxChannels}");
            require(block.Kind is BlockSpec.Basic or BlockSpec.Bottleneck, $"block {i}: kind '{block.Kind}' is unknown");
            require(block.Input == block.Output || block.ShortcutFile is not null, $"block {i}: changes shape without a shortcut file");
            require(block.Flops.Shortcut == 0 == block.ShortcutFile is null, $"block {i}: shortcut file and shortcut FLOPs go together");
            previous = block.Output;
        }

        var logits = new MapShape(manifest.Labels.Count, 1, 1);
        require(manifest.Head.Output == logits, $"head: gives {manifest.Head.Output} for {manifest.Labels.Count} labels");
        require(manifest.Dense.Output == logits, $"dense: gives {manifest.Dense.Output} for {manifest.Labels.Count} labels");
    }

    private static void CheckSpans(BundleManifest manifest, Action<bool, string> require)
    {
        long next = 0;
        for (int i = 0; i < manifest.Spans.Count; i++)
        {
            SpanSpec span = manifest.Spans[i];
            require(span.FirstBlock == next && span.Blocks >= 1, $"span {i}: blocks {span.FirstBlock} to {(long)span.FirstBlock + span.Blocks - 1} do not follow block {next - 1}");
            next = (long)span.FirstBlock + span.Blocks;
        }

        require(next == manifest.Blocks.Count, $"spans: decide {next} of {manifest.Blocks.Count} blocks");
    }

    private static void CheckFlops(BundleManifest manifest, Action<bool, string> require)
    {
        bool inRange = true;
        void Range(long flops, long least, string what)
        {
            bool good = flops >= least && flops <= MaxFlops;
            inRange &= good;
            require(good, $"{what}: {flops} FLOPs is outside {least} to 2^50");
        }

        Range(manifest.Stem.Flops, 1, "stem");
        Range(manifest.Head.Flops, 1, "head");
        Range(manifest.Dense.Flops, 1, "dense");
        for (int i = 0; i < manifest.Spans.Count; i++)
        {
            Range(manifest.Spans[i].Flops, 1, $"span {i}");
        }

        for (int i = 0; i < manifest.Blocks.Count; i++)
        {
            BlockFlops flops = manifest.Blocks[i].Flops;
            Range(flops.Shortcut, 0, $"block {i}, shortcut");
            Range(flops.PerChannel, 1, $"block {i}, per channel");
            Range(flops.PerChannelSquared, 0, $"block {i}, per channel squared");
        }

        if (inRange && manifest.Blocks.Count <= MaxBlocks && manifest.Blocks.All(block => block.Channels is >= 1 and <= MaxChannels))
        {
            decimal parts = (decimal)manifest.Stem.Flops + manifest.Head.Flops + manifest.Blocks.Sum(block =>
                block.Flops.Shortcut + ((decimal)block.Flops.PerChannel * block.Channels) + ((decimal)block.Flops.PerChannelSquared * block.Channels * block.Channels));
            require(parts == manifest.Dense.Flops, $"dense: {manifest.Dense.Flops} FLOPs, but stem, blocks and head add up to {parts}");
        }
    }

    private static void CheckPrices(IReadOnlyList<EffortPrice> points, Action<bool, string> require)
    {
        require(points.Count >= 1 && points[^1].Effort == 1, "prices: do not end at effort 1");
        for (int i = 0; i < points.Count; i++)
        {
            EffortPrice point = points[i];
            require(point.Effort is > 0 and <= 1, $"prices: effort {point.Effort} is outside (0, 1]");
            require(point.Price >= 0 && double.IsFinite(point.Price), $"price at effort {point.Effort}: {point.Price} is not a finite number of at least 0");
            require(
                i == 0 || (point.Effort > points[i - 1].Effort && point.Price <= points[i - 1].Price),
                $"price at effort {point.Effort}: effort does not rise, or the price does");
        }
    }

    private static void CheckCalibration(BundleManifest manifest, Action<bool, string> require)
    {
        IReadOnlyList<CalibrationPoint> points = manifest.Calibration;
        require(points.Count >= 1 && points[^1].Effort == 1, "calibration: does not end at effort 1");
        for (int i = 0; i < points.Count; i++)
        {
            CalibrationPoint point = points[i];
            require(point.Effort is > 0 and <= 1, $"calibration: effort {point.Effort} is outside (0, 1]");
            require(point.MeanFlops > 0 && point.MeanFlops <= MaxFlops && point.P95Flops > 0, $"calibration at effort {point.Effort}: FLOPs are not above 0");
            require(point.Top1 is >= 0 and <= 1, $"calibration at effort {point.Effort}: top-1 {point.Top1} is outside [0, 1]");
            require(point.Top1StandardError is >= 0 and <= 0.5, $"calibration at effort {point.Effort}: standard error {point.Top1StandardError} is outside [0, 0.5]");
            require(
                manifest.TimedOn is null ? point.Milliseconds is null : point.Milliseconds is > 0 && double.IsFinite(point.Milliseconds.Value),
                $"calibration at effort {point.Effort}: {(manifest.TimedOn is null ? "milliseconds, but timed_on does not say where" : "milliseconds are not above 0, though timed_on says where")}");
            require(
                point.Agreement is null ? point.AgreementImages is null : point.Agreement is >= 0 and <= 1 && point.AgreementImages >= 1,
                $"calibration at effort {point.Effort}: an agreement in [0, 1] and the images that it was measured on, at least 1, go together");
            require(
                i == 0 || (point.Effort > points[i - 1].Effort && point.MeanFlops >= points[i - 1].MeanFlops),
                $"calibration at effort {point.Effort}: effort and mean FLOPs do not rise");
        }
    }

    private static bool IsShape(MapShape shape) =>
        shape.Channels is >= 1 and <= MaxChannels && shape.Height is >= 1 and <= MaxSide && shape.Width is >= 1 and <= MaxSide;

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._-]{0,63}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ModelPattern();

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_-]{0,63}\.onnx\z", RegexOptions.CultureInvariant)]
    private static partial Regex FileNamePattern();

    [GeneratedRegex(@"^[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex HashPattern();
}
