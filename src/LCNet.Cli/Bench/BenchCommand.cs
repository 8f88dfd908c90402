using System.CommandLine;
using System.Text.Json;
using LCNet.Bundles;
using LCNet.Cli.Evaluate;
using LCNet.Cli.Load;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Native;
using LCNet.Training.Networks;

namespace LCNet.Cli.Bench;

/// <summary><c>lcnet bench</c>: what skipping saves in time, against the static network in ONNX Runtime.</summary>
internal static class BenchCommand
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create()
    {
        var bundle = new Argument<string?>("bundle") { Description = "Folder of the bundle, for example models/cifar10-lcnet/1. Left out with --synthetic.", Arity = ArgumentArity.ZeroOrOne };
        var data = new Option<string?>("--data") { Description = "Folder of images with one sub-folder a class, or of CIFAR-10's binary files. Default: random pixels." };
        var images = NumberOption.Of<int>("--images", "How many different images.", 200);
        var effort = NumberOption.Several<double>("--effort", "Efforts to measure, in (0, 1].", 1);
        var cap = NumberOption.Several<long>("--max-flops", "Caps on each image's FLOPs to measure.");
        var repetitions = NumberOption.Of<int>("--repetitions", "Alternations.", 5);
        var device = new Option<string>("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu" };
        var batches = new Option<bool>("--batches") { Description = "Measure batches of 1 to 128 images at the first of --effort against the static network instead of images by themselves: as a GPU runs them, where it is the default." };
        var synthetic = new Option<string?>("--synthetic") { Description = "resnet18, resnet34 or resnet50 at 224×224 with random weights, instead of a bundle." };
        var runRate = NumberOption.Of<double>("--run-rate", "Share of images that run each block of the synthetic network.", 0.7);
        var keep = NumberOption.Of<double>("--keep", "Share of channels that the synthetic network keeps.", 0.5);
        var span = new Option<GateSpan>("--span") { Description = "Which blocks a gate of the synthetic network decides at once: block, stage or model.", DefaultValueFactory = _ => GateSpan.Block };
        var models = new Option<string?>("--models") { Description = "Folder to keep the synthetic bundle in, for a server to serve." };
        var server = new Option<string?>("--server") { Description = "A server of the bundle on this machine, for example http://127.0.0.1:8001, whose processor time a request is measured; needs --pid and --data." };
        var http = new Option<string?>("--http") { Description = "With --server: its HTTP port, for example http://127.0.0.1:8000, to measure POST /v1/classify beside gRPC." };
        var process = NumberOption.Of<int>("--pid", "The server's process.");
        var requests = NumberOption.Of<int>("--requests", "Requests to the server at each alternation.", 4000);
        var against = new Option<string[]>("--against") { Description = "Bundles of static networks (lcnet train --gates none): measure each calibrated effort against them, at equal accuracy, instead of --effort and --max-flops.", AllowMultipleArgumentsPerToken = true };
        var calibrate = new Option<bool>("--calibrate") { Description = "Time every effort of the bundle's table on this machine, one thread, and write the times into the bundle, for lcnet inspect and the live page to show; needs --data." };
        var plot = new Option<string?>("--plot") { Description = "With --against: draw accuracy against time as PNG and SVG in this folder." };
        var json = new Option<string?>("--json") { Description = "Write the results to this file." };
        var command = new Command("bench", "Measure what skipping saves in time, against the static network in ONNX Runtime.")
        {
            bundle, data, images, effort, cap, repetitions, device, batches, synthetic, runRate, keep, span, models, server, http, process, requests, against, calibrate, plot, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(bundle) is null == parsed.GetValue(synthetic) is null)
            {
                throw new ArgumentException("Name either a bundle or --synthetic.");
            }

            if (parsed.GetValue(images) < 1 || parsed.GetValue(repetitions) < 1)
            {
                throw new ArgumentException("--images and --repetitions are at least 1.");
            }

            if (parsed.GetValue(server) is not null && (parsed.GetValue(process) is null || parsed.GetValue(data) is null || parsed.GetValue(requests) < 1))
            {
                throw new ArgumentException("--server goes with --pid, with --data, and with --requests of at least 1.");
            }

            string? scratch = null;
            try
            {
                string? made = null;
                if (parsed.GetValue(synthetic) is string name)
                {
                    string folder = parsed.GetValue(models) ?? (scratch = Directory.CreateTempSubdirectory("lcnet-bench-").FullName);
                    made = MakeBundle(name, parsed.GetValue(runRate), parsed.GetValue(keep), parsed.GetValue(span), folder);
                }

                var on = ComputeDevice.Parse(parsed.GetValue(device)!);
                Bundle opened = Bundle.Open(made ?? parsed.GetValue(bundle)!);
                BenchSetting[] settings =
                [
                    new BenchSetting("all open", 1, IsOpen: true),
                    .. parsed.GetValue(effort)!.Select(value => new BenchSetting($"effort {value:0.##}", value)),
                    .. (parsed.GetValue(cap) ?? []).Select(value => new BenchSetting($"at most {value / 1e6:0.#} MFLOPs", new EffortCurve(opened.Manifest.Calibration).EffortFor(value), value)),
                ];
                if (parsed.GetValue(against) is { Length: > 0 } others)
                {
                    await CompareAsync(opened, [.. others.Select(StaticNetwork.Open)], parsed.GetValue(data), parsed.GetValue(images), parsed.GetValue(repetitions),
                        on, parsed.GetValue(plot), parsed.GetValue(json), cancellation);
                    return 0;
                }

                if (parsed.GetValue(calibrate))
                {
                    Calibrate(opened, parsed.GetValue(data), parsed.GetValue(images), parsed.GetValue(repetitions), on, cancellation);
                    return 0;
                }

                float[][] inputs = Inputs(opened.Manifest, parsed.GetValue(data), parsed.GetValue(images));
                if (parsed.GetValue(batches) || (on.IsCuda && parsed.GetValue(server) is null))
                {
                    await RunBatchesAsync(opened, on, inputs, parsed.GetValue(repetitions), parsed.GetValue(effort)![0], parsed.GetValue(json), cancellation);
                    return 0;
                }

                var benchmark = new EngineBenchmark(opened, on, inputs, parsed.GetValue(repetitions));
                var report = new BenchReport(
                    $"{opened.Manifest.Model}/{opened.Manifest.Version}", inputs.Length, parsed.GetValue(repetitions), EffortTimes.Machine(), [.. settings.Select(setting => benchmark.Measure(setting, cancellation))]);
                if (parsed.GetValue(server) is string address)
                {
                    var load = new LoadSettings { Server = LoadCommand.Loopback(address), Http = parsed.GetValue(http) is string port ? LoadCommand.Loopback(port, "--http") : null, Process = parsed.GetValue(process), Effort = parsed.GetValue(effort)![0] };
                    var served = new ServerBenchmark(opened, load, LoadImages.Read(parsed.GetValue(data)!, load.Seed), parsed.GetValue(repetitions));
                    report = report with { Server = await served.MeasureAsync(parsed.GetValue(requests), cancellation) };
                }

                await TellAsync(report, parsed.GetValue(json), cancellation);
                return 0;
            }
            finally
            {
                if (scratch is not null)
                {
                    Directory.Delete(scratch, recursive: true);
                }
            }
        });
        return command;
    }

    // On images that gates were trained for: random pixels would run other blocks.
    private static void Calibrate(Bundle bundle, string? data, int images, int repetitions, ComputeDevice device, CancellationToken cancellation)
    {
        float[][] inputs = Inputs(bundle.Manifest, data ?? throw new ArgumentException("--calibrate goes with --data: what an image takes depends on what it shows."), images);
        BundleManifest timed = EffortTimes.Measure(bundle, device, inputs, repetitions, cancellation);
        Bundle.Write(bundle.Folder, timed);
        Console.WriteLine($"{timed.Model}/{timed.Version}: {inputs.Length} images, {repetitions} alternations; {timed.TimedOn}");
        foreach (CalibrationPoint point in timed.Calibration)
        {
            Console.WriteLine($"  effort {point.Effort,-5:0.##} {point.Milliseconds:F3} ms an image, {point.MeanFlops / 1e6:F2} MFLOPs, top-1 {point.Top1:P2}");
        }
    }

    private static async Task RunBatchesAsync(Bundle bundle, ComputeDevice device, float[][] inputs, int repetitions, double effort, string? json, CancellationToken cancellation)
    {
        var benchmark = new BatchBenchmark(bundle, device, inputs, repetitions);
        var report = new BenchReport(
            $"{bundle.Manifest.Model}/{bundle.Manifest.Version}", inputs.Length, repetitions, EffortTimes.Machine(), [], Batches: [.. BatchBenchmark.Sizes.Select(size => benchmark.Measure(size, effort, cancellation))]);
        await TellAsync(report, json, cancellation);
    }

    private static async Task CompareAsync(
        Bundle bundle, StaticNetwork[] statics, string? data, int images, int repetitions, ComputeDevice device, string? plot, string? json, CancellationToken cancellation)
    {
        var benchmark = new AgainstBenchmark(bundle, statics, device, network => Inputs(network.Manifest, data, images), repetitions);
        AgainstReport against = benchmark.Measure(cancellation);
        var report = new BenchReport($"{bundle.Manifest.Model}/{bundle.Manifest.Version}", images, repetitions, EffortTimes.Machine(), [], null, against);
        if (plot is not null)
        {
            SpeedPicture.Draw(bundle.Manifest.Model, against, plot);
        }

        await TellAsync(report, json, cancellation);
    }

    private static async Task TellAsync(BenchReport report, string? json, CancellationToken cancellation)
    {
        Print(report);
        if (json is not null)
        {
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, Json), cancellation);
        }
    }

    private static string MakeBundle(string name, double runRate, double keep, GateSpan span, string models)
    {
        int depth = name switch
        {
            "resnet18" => 18,
            "resnet34" => 34,
            "resnet50" => 50,
            _ => throw new ArgumentException($"--synthetic: resnet18, resnet34 or resnet50, not '{name}'."),
        };
        TorchLibrary.EnsureLoaded(Console.Error.WriteLine);
        string folder = Path.Combine(models, "synthetic-" + name, "1");
        SyntheticBundle.Write(depth, runRate, keep, folder, span);
        return folder;
    }

    private static float[][] Inputs(BundleManifest manifest, string? data, int count)
    {
        InputSpec input = manifest.Input;
        var random = new Random(1);
        if (data is null)
        {
            return [.. Enumerable.Range(0, count).Select(_ => RandomImage.Make(input, random))];
        }

        ImageSet images = DataSource.Open(data, input.Width);
        int[] order = [.. Enumerable.Range(0, images.Count)];
        random.Shuffle(order);
        return DataSource.Inputs(images, order.Take(count), input);
    }

    private static void Print(BenchReport report)
    {
        Console.WriteLine($"{report.Model}: {report.Images} images, {report.Repetitions} alternations; {report.Machine}");
        foreach (SettingReport setting in report.Settings)
        {
            Console.WriteLine($"{setting.Setting}: {setting.MeanMflops:F2} MFLOPs an image, reduced {setting.FlopsReduction:F2} times");
            Print("one thread", setting.OneThread);
            Print("saturated", setting.Saturated);
        }

        foreach (BatchReport batch in report.Batches ?? [])
        {
            Console.WriteLine(
                $"  batch of {batch.Images,-3} {batch.ImagesPerSecond:F1} images/s, static {batch.StaticImagesPerSecond:F1}: time ratio {batch.TimeRatio:F2} ({batch.Lowest:F2}–{batch.Highest:F2}), executed {batch.ExecutedShare:P1} of dense, "
                + $"realised share {batch.RealisedShare:F2}; {batch.Operations} device operations, static {batch.StaticOperations}; {batch.Synchronisations} synchronisations");
        }

        foreach (EffortAgainst effort in report.Against?.Efforts ?? [])
        {
            Console.WriteLine(
                $"  effort {effort.Effort,-5:0.##} top-1 {effort.Top1:P2}, {effort.MeanMflops:F2} MFLOPs; one thread {effort.OneThreadUs:F0} µs, {Speed(effort.OneThread)}; "
                + $"saturated {effort.SaturatedUs:F0} µs, {Speed(effort.Saturated)}");
        }

        foreach (StaticAgainst network in report.Against?.Statics ?? [])
        {
            Console.WriteLine(
                $"  {network.Model}, static in ONNX Runtime: top-1 {network.Top1:P2}, {network.Mflops:F2} MFLOPs; one thread {network.OneThreadUs:F0} µs; saturated {network.SaturatedUs:F0} µs");
        }

        if (report.Server is { } server)
        {
            Console.WriteLine(
                $"server: {server.ServerUs:F0} µs of processor time a request, {server.Ratio:F2} ({server.Lowest:F2}–{server.Highest:F2}) times the engine's {server.EngineUs:F0} µs; {server.Requests} requests");
            if (server.Http is { } http)
            {
                Console.WriteLine($"        by HTTP {http.ServerUs:F0} µs, {http.Ratio:F2} ({http.Lowest:F2}–{http.Highest:F2}) times that by gRPC");
            }
        }
    }

    private static string Speed(SpeedAtEqualAccuracy? speed) => speed is null
        ? "no static network of that accuracy to compare with"
        : $"speed at equal accuracy {speed.Ratio:F2} ({speed.Lowest:F2}–{speed.Highest:F2})";

    private static void Print(string title, IReadOnlyList<ContenderReport> contenders)
    {
        Console.WriteLine($"  {title}");
        foreach (ContenderReport report in contenders)
        {
            string share = report.RealisedShare is double realised ? $", realised share {realised:F2}" : string.Empty;
            string bytes = report.BytesPerImage is double allocated ? $", {allocated:F1} bytes an image" : string.Empty;
            string correlation = report.Correlation is double value ? $", time and FLOPs correlate {value:F3}" : string.Empty;
            Console.WriteLine(
                $"    {report.Name,-18} time ratio {report.TimeRatio:F2} ({report.Lowest:F2}–{report.Highest:F2}){share}; {report.ImagesPerSecond:F1} images/s, "
                + $"p50 {report.P50Us:F0} p95 {report.P95Us:F0} p99 {report.P99Us:F0} µs{bytes}{correlation}");
        }
    }
}
