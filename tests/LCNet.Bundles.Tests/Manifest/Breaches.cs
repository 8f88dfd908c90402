namespace LCNet.Bundles.Tests;

/// <summary>Ways to break one rule each of <see cref="SyntheticNetwork.Example"/>, by name, with a part of the complaint that is due.</summary>
internal static class Breaches
{
    public static IReadOnlyDictionary<string, (Func<BundleManifest, BundleManifest> Break, string Complaint)> All { get; } =
        new Dictionary<string, (Func<BundleManifest, BundleManifest>, string)>
        {
            ["model in capitals"] = (m => m with { Model = "ResNet" }, "model 'ResNet'"),
            ["model empty"] = (m => m with { Model = "" }, "model ''"),
            ["model with a path"] = (m => m with { Model = "a/b" }, "model 'a/b'"),
            ["model of dots"] = (m => m with { Model = ".." }, "model '..'"),
            ["model too long"] = (m => m with { Model = new string('a', 65) }, "model 'aaaa"),
            ["model with a line end"] = (m => m with { Model = "resnet\n" }, "model 'resnet"),
            ["model of two lines"] = (m => m with { Model = "res\r\nnet" }, "model 'res"),
            ["version 0"] = (m => m with { Version = 0 }, "version 0 is below 1"),
            ["version negative"] = (m => m with { Version = -3 }, "version -3 is below 1"),
            ["label twice"] = (m => m with { Labels = ["cat", "dog", "cat"] }, "labels: one stands twice"),
            ["label empty"] = (m => m with { Labels = ["cat", " ", "dog"] }, "labels: at least two, none empty"),
            ["provenance without data"] = (m => m with { Provenance = m.Provenance with { Data = "" } }, "provenance"),

            ["input without width"] = (m => m with { Input = m.Input with { Width = 0 } }, "input: 0×8"),
            ["input too high"] = (m => m with { Input = m.Input with { Height = 4097 } }, "input: 8×4097"),
            ["input in another colour"] = (m => m with { Input = m.Input with { Colour = "bgr" } }, "colour 'bgr'"),
            ["input resized otherwise"] = (m => m with { Input = m.Input with { Resize = "stretch" } }, "resize rule 'stretch'"),
            ["two means"] = (m => m with { Input = m.Input with { Mean = [0, 0] } }, "input: mean"),
            ["four deviations"] = (m => m with { Input = m.Input with { Std = [1, 1, 1, 1] } }, "input: std"),
            ["negative deviation"] = (m => m with { Input = m.Input with { Std = [1, -0.1f, 1] } }, "input: std"),
            ["deviation 0"] = (m => m with { Input = m.Input with { Std = [1, 1, 0] } }, "input: std"),

            ["shape chain broken"] = (m => Block(m, 2, b => b with { Input = b.Input with { Channels = 9 } }), "block 2: takes 9×4×4, but what comes before gives 5×4×4"),
            ["stem gives another shape"] = (m => m with { Stem = m.Stem with { Output = new(3, 8, 9) } }, "block 0: takes 3×8×8, but what comes before gives 3×8×9"),
            ["stem without channels"] = (m => m with { Stem = m.Stem with { Output = new(0, 8, 8) } }, "stem: output 0×8×8"),
            ["shape out of range"] = (m => Block(m, 2, b => b with { Output = b.Output with { Width = 5000 } }), "block 2: output 5×4×5000"),
            ["block without channels"] = (m => Block(m, 0, b => b with { Channels = 0 }), "block 0: 0 channels"),
            ["kind unknown"] = (m => Block(m, 0, b => b with { Kind = "Basic" }), "block 0: kind 'Basic'"),
            ["projection without a file"] = (m => Block(m, 1, b => b with { ShortcutFile = null }), "block 1: changes shape without a shortcut file"),
            ["identity with a file"] = (m => Block(m, 0, b => b with { ShortcutFile = "stem.onnx" }), "block 0: shortcut file and shortcut FLOPs go together"),
            ["head for other labels"] = (m => m with { Head = m.Head with { Output = new(10, 1, 1) } }, "head: gives 10×1×1 for 3 labels"),
            ["dense for other labels"] = (m => m with { Dense = m.Dense with { Output = new(3, 2, 1) } }, "dense: gives 3×2×1 for 3 labels"),

            ["gap between spans"] = (m => Spans(m, (0, 1), (2, 1)), "span 1: blocks 2 to 2 do not follow block 0"),
            ["spans overlap"] = (m => Spans(m, (0, 2), (1, 2)), "span 1: blocks 1 to 2 do not follow block 1"),
            ["first block undecided"] = (m => Spans(m, (1, 2)), "span 0: blocks 1 to 2 do not follow block -1"),
            ["last block undecided"] = (m => Spans(m, (0, 2)), "spans: decide 2 of 3 blocks"),
            ["span beyond the blocks"] = (m => Spans(m, (0, 4)), "spans: decide 4 of 3 blocks"),
            ["span without blocks"] = (m => Spans(m, (0, 3), (3, 0)), "span 1"),
            ["span of negative length"] = (m => Spans(m, (0, 4), (4, -1)), "span 1"),
            ["span that overflows"] = (m => Spans(m, (0, int.MaxValue), (int.MaxValue, int.MaxValue)), "spans: decide 4294967294 of 3 blocks"),
            ["spans out of order"] = (m => Spans(m, (2, 1), (0, 2)), "span 0"),
            ["no spans"] = (m => Spans(m), "spans: decide 0 of 3 blocks"),

            ["dense costs less"] = (m => m with { Dense = m.Dense with { Flops = m.Dense.Flops - 1 } }, "but stem, blocks and head add up to"),
            ["block costs more"] = (m => Block(m, 1, b => b with { Flops = b.Flops with { PerChannelSquared = 1000 } }), "but stem, blocks and head add up to"),
            ["free stem"] = (m => m with { Stem = m.Stem with { Flops = 0 } }, "stem: 0 FLOPs is outside 1"),
            ["negative head"] = (m => m with { Head = m.Head with { Flops = -5 } }, "head: -5 FLOPs"),
            ["free gate"] = (m => m with { Spans = [m.Spans[0], m.Spans[1] with { Flops = 0 }] }, "span 1: 0 FLOPs"),
            ["free channel"] = (m => Block(m, 2, b => b with { Flops = b.Flops with { PerChannel = 0 } }), "block 2, per channel: 0 FLOPs"),
            ["negative pair"] = (m => Block(m, 2, b => b with { Flops = b.Flops with { PerChannelSquared = -1 } }), "block 2, per channel squared: -1 FLOPs"),
            ["FLOPs that overflow"] = (m => m with { Dense = m.Dense with { Flops = long.MaxValue } }, "dense: 9223372036854775807 FLOPs"),

            ["no prices"] = (m => m with { Prices = [] }, "prices: do not end at effort 1"),
            ["prices end early"] = (m => m with { Prices = [new(0.2, 2), new(0.9, 1)] }, "prices: do not end at effort 1"),
            ["price for no effort"] = (m => m with { Prices = [new(0, 2), new(1, 1)] }, "prices: effort 0 is outside (0, 1]"),
            ["negative price"] = (m => m with { Prices = [new(1, -0.5)] }, "price at effort 1: -0.5 is not a finite number of at least 0"),
            ["prices out of order"] = (m => m with { Prices = [new(0.5, 2), new(0.4, 2), new(1, 1)] }, "price at effort 0.4: effort does not rise, or the price does"),
            ["price that rises with effort"] = (m => m with { Prices = [new(0.5, 2), new(1, 2.5)] }, "price at effort 1: effort does not rise, or the price does"),

            ["no calibration"] = (m => m with { Calibration = [] }, "calibration: does not end at effort 1"),
            ["calibration ends early"] = (m => Calibrate(m, (0.2, 5, 0.5), (0.9, 9, 0.5)), "calibration: does not end at effort 1"),
            ["calibration falls"] = (m => Calibrate(m, (0.5, 5, 0.5), (0.4, 6, 0.5), (1, 9, 0.5)), "calibration at effort 0.4: effort and mean FLOPs do not rise"),
            ["calibration stands still"] = (m => Calibrate(m, (0.5, 5, 0.5), (0.5, 6, 0.5), (1, 9, 0.5)), "calibration at effort 0.5: effort and mean FLOPs do not rise"),
            ["calibration gets cheaper"] = (m => Calibrate(m, (0.5, 5, 0.5), (1, 4, 0.5)), "calibration at effort 1: effort and mean FLOPs do not rise"),
            ["calibration from 0"] = (m => Calibrate(m, (0, 5, 0.5), (1, 9, 0.5)), "calibration: effort 0 is outside (0, 1]"),
            ["calibration beyond 1"] = (m => Calibrate(m, (0.5, 5, 0.5), (1.5, 6, 0.5), (1, 9, 0.5)), "calibration: effort 1.5 is outside (0, 1]"),
            ["calibration for free"] = (m => Calibrate(m, (0.5, 0, 0.5), (1, 9, 0.5)), "calibration at effort 0.5: FLOPs are not above 0"),
            ["calibration in percent"] = (m => Calibrate(m, (1, 9, 93.5)), "calibration at effort 1: top-1 93.5 is outside [0, 1]"),
            ["calibration without doubt"] = (
                m => m with { Calibration = [m.Calibration[^1] with { Top1StandardError = -0.01 }] }, "calibration at effort 1: standard error -0.01 is outside [0, 0.5]"),
            ["agreement in percent"] = (m => Agree(m, 98, 100), "calibration at effort 1: an agreement in [0, 1] and the images that it was measured on, at least 1, go together"),
            ["agreement of no images"] = (m => Agree(m, 0.98, 0), "calibration at effort 1: an agreement in [0, 1] and the images that it was measured on, at least 1, go together"),
            ["agreement of nobody knows how many"] = (m => Agree(m, 0.98, null), "calibration at effort 1: an agreement in [0, 1] and the images that it was measured on, at least 1, go together"),
            ["images of no agreement"] = (m => Agree(m, null, 100), "calibration at effort 1: an agreement in [0, 1] and the images that it was measured on, at least 1, go together"),
            ["calibration timed nowhere"] = (
                m => m with { Calibration = [m.Calibration[^1] with { Milliseconds = 2 }] }, "calibration at effort 1: milliseconds, but timed_on does not say where"),
            ["calibration in no time"] = (
                m => m with { TimedOn = "here", Calibration = [m.Calibration[^1] with { Milliseconds = 0 }] }, "calibration at effort 1: milliseconds are not above 0, though timed_on says where"),
            ["calibration untimed"] = (
                m => m with { TimedOn = "here", Calibration = [m.Calibration[^1]] }, "calibration at effort 1: milliseconds are not above 0, though timed_on says where"),
        };

    private static BundleManifest Block(BundleManifest manifest, int index, Func<BlockSpec, BlockSpec> change) =>
        manifest with { Blocks = [.. manifest.Blocks.Select((block, i) => i == index ? change(block) : block)] };

    private static BundleManifest Spans(BundleManifest manifest, params (int First, int Blocks)[] spans) =>
        manifest with { Spans = [.. spans.Select((span, i) => new SpanSpec($"gate_{i:00}.onnx", 100, span.First, span.Blocks))] };

    private static BundleManifest Agree(BundleManifest manifest, double? share, int? images) =>
        manifest with { Calibration = [manifest.Calibration[^1] with { Agreement = share, AgreementImages = images }] };

    private static BundleManifest Calibrate(BundleManifest manifest, params (double Effort, double Flops, double Top1)[] points) =>
        manifest with { Calibration = [.. points.Select(point => new CalibrationPoint(point.Effort, point.Flops, 10, point.Top1, 0.01))] };
}
