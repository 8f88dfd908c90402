using System.CommandLine;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using LCNet.V1;

namespace LCNet.Cli.Load;

/// <summary><c>lcnet load</c>: how a server on this machine bears a load, and how well it answers under it.</summary>
internal static class LoadCommand
{
    // It is a load: on this machine alone, and never for long.
    private const int MaxSeconds = 900;
    private const int MaxRate = 100_000;
    private const int MaxConcurrency = 1024;
    private const int MaxBatch = 1024;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter() },
    };

    public static Command Create()
    {
        var images = new Argument<string>("images") { Description = "Folder of images with one sub-folder a class, or a text file with the path of an image a line." };
        var server = new Option<string>("--server") { Description = "The server, on this machine.", DefaultValueFactory = _ => "http://127.0.0.1:8001" };
        var http = new Option<string?>("--http") { Description = "The server's HTTP port, for example http://127.0.0.1:8000: images are sent by POST /v1/classify instead of gRPC." };
        var from = new Option<string?>("--from") { Description = "Loopback address to connect from, for example 127.0.0.2: to the server, another client." };
        var rate = NumberOption.Of<double>("--rate", "Open loop: requests a second, whether or not the server keeps up. Left out: a closed loop.");
        var concurrency = NumberOption.Of<int>("--concurrency", "Closed loop, and warming up: requests at a time.", 16);
        var batch = NumberOption.Of<int>("--batch", "Images a request: one is sent by Classify, more by the Open Inference Protocol's ModelInfer.", 1);
        var connections = NumberOption.Of<int>("--connections", "Connections that requests are spread over.", 4);
        var seconds = NumberOption.Of<double>("--seconds", $"How long, at most {MaxSeconds}.", 10);
        var warm = NumberOption.Of<double>("--warm-up", "Seconds of closed loop before.", 3);
        var deadline = NumberOption.Of<double>("--deadline", "Seconds that a request may take.", 10);
        var objective = NumberOption.Of<double>("--objective", "The latency in milliseconds that was promised.", 100);
        var effort = NumberOption.Of<double>("--effort", "Effort of every image. Left out: the server's own.");
        var process = NumberOption.Of<int>("--pid", "The server's process, to watch its memory.");
        var seed = NumberOption.Of<int>("--seed", "Of the order of the images, and of the moments at which an open loop sends.", 1);
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("load", "Load a server on this machine, and print goodput, latencies, refusals, effort and accuracy.")
        {
            images, server, http, from, rate, concurrency, batch, connections, seconds, warm, deadline, objective, effort, process, seed, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = new LoadSettings
            {
                Server = Loopback(parsed.GetValue(server)!),
                Http = parsed.GetValue(http) is string port ? Loopback(port, "--http") : null,
                From = parsed.GetValue(from) is string source ? LoopbackAddress("--from", source) : null,
                Rate = parsed.GetValue(rate) is double perSecond ? Between("--rate", perSecond, 0.1, MaxRate) : null,
                Concurrency = (int)Between("--concurrency", parsed.GetValue(concurrency), 1, MaxConcurrency),
                Batch = (int)Between("--batch", parsed.GetValue(batch), 1, MaxBatch),
                Connections = (int)Between("--connections", parsed.GetValue(connections), 1, MaxConcurrency),
                Duration = TimeSpan.FromSeconds(Between("--seconds", parsed.GetValue(seconds), 0.1, MaxSeconds)),
                WarmUp = TimeSpan.FromSeconds(Between("--warm-up", parsed.GetValue(warm), 0, MaxSeconds)),
                Deadline = TimeSpan.FromSeconds(Between("--deadline", parsed.GetValue(deadline), 0.001, MaxSeconds)),
                Objective = TimeSpan.FromMilliseconds(Between("--objective", parsed.GetValue(objective), 0.1, 1000 * MaxSeconds)),
                Effort = parsed.GetValue(effort),
                Process = parsed.GetValue(process),
                Seed = parsed.GetValue(seed),
            };
            if (settings is { Http: not null, Batch: > 1 })
            {
                throw new ArgumentException("--http sends one image a request; --batch goes with gRPC.");
            }

            LoadReport report = await RunAsync(settings, parsed.GetValue(images)!, cancellation);
            Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(report, Json) : Text(report));
            return 0;
        });
        return command;
    }

    private static async Task<LoadReport> RunAsync(LoadSettings settings, string source, CancellationToken cancellation)
    {
        var images = LoadImages.Read(source, settings.Seed);
        using LoadRun run = await LoadRun.StartAsync(settings, images, cancellation);
        await run.CloseAsync(settings.WarmUp, cancellation);
        GC.Collect();
        using MemoryWatch? memory = settings.Process is int number ? new MemoryWatch(number) : null;
        IReadOnlyCollection<LoadSample> samples = settings.Rate is double rate
            ? await run.OpenAsync(rate, settings.Duration, cancellation)
            : await run.CloseAsync(settings.Duration, cancellation);
        cancellation.ThrowIfCancellationRequested();
        return LoadReport.Of(samples, settings, run.Model, memory?.Mebibytes);
    }

    private static string Text(LoadReport report)
    {
        static string Share(double? value) => value is double share ? FormattableString.Invariant($"{100 * share:F2} %") : "-";
        return string.Join('\n', [
            FormattableString.Invariant($"{report.Sent} requests in {report.Seconds:F1} s, {report.OfferedRate:F1} a second; answered {report.Goodput:F1} a second, {report.ImageGoodput:F1} images"),
            $"statuses: {string.Join(", ", report.Statuses.Select(pair => $"{pair.Key} {pair.Value}"))}",
            $"answered: {report.Answered}; within the objective, of all requests: {Share(report.WithinObjective)}",
            $"refused:  {report.Refused}; within 50 ms: {Share(report.RefusedWithin50Ms)}, with a retry delay: {Share(report.RefusedWithRetryInfo)}",
            $"sent late by: {report.Lag}",
            FormattableString.Invariant($"effort: mean {report.MeanEffort:F3}, least {report.LeastEffort:F3}"),
            $"top-1: {Share(report.Top1)}, by the calibration table {Share(report.PredictedTop1)} (at effort 1: {Share(report.FullTop1)})",
            report.MemoryMiB is { } memory ? FormattableString.Invariant($"the server's memory: {memory[0]:F0} MiB at first, {memory[1]:F0} MiB at last, {memory[2]:F0} MiB at most") : "the server's memory was not watched",
        ]);
    }

    /// <summary>The address of a server that may be loaded: on this machine.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    internal static Uri Loopback(string text, string option = "--server")
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme != Uri.UriSchemeHttp || !uri.IsLoopback)
        {
            throw new ArgumentException($"{option}: '{text}' is no address of this machine like http://127.0.0.1:8001; only those are loaded.");
        }

        return uri;
    }

    private static IPAddress LoopbackAddress(string option, string text) =>
        IPAddress.TryParse(text, out IPAddress? address) && IPAddress.IsLoopback(address)
            ? address
            : throw new ArgumentException($"{option}: '{text}' is no loopback address.");

    private static double Between(string option, double value, double least, double most) =>
        value >= least && value <= most ? value : throw new ArgumentException(FormattableString.Invariant($"{option}: {value} is outside {least} to {most}."));
}
