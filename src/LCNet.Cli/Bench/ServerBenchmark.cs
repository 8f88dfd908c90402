using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using LCNet.Bundles;
using LCNet.Cli.Load;
using LCNet.Imaging;
using LCNet.Runtime.Engine;

namespace LCNet.Cli.Bench;

/// <summary>
/// Measures what a server costs besides its engine: processor time a unary request of a running server, over that of decoding and running the same images
/// in this process on all cores; where the HTTP port is named, of a request there too. They take turns.
/// </summary>
/// <param name="settings">Where the server is, and how many requests are under way at a time.</param>
internal sealed class ServerBenchmark(Bundle bundle, LoadSettings settings, LoadImages images, int repetitions)
{
    /// <summary>Measures.</summary>
    /// <exception cref="InvalidOperationException">The server serves something else, or did not answer a request.</exception>
    public async Task<ServerReport> MeasureAsync(int requests, CancellationToken cancellation)
    {
        using var server = Process.GetProcessById(settings.Process!.Value);
        using LoadRun run = await LoadRun.StartAsync(settings with { Http = null }, images, cancellation);
        if (run.Model.Name != bundle.Manifest.Model || run.Model.DenseFlops != bundle.Flops.Dense)
        {
            throw new InvalidOperationException($"{settings.Server} serves {run.Model.Name}, not {bundle.Manifest.Model}.");
        }

        using var engine = InferenceEngine.Load(bundle, new EngineOptions());
        using LoadRun? http = settings.Http is null ? null : await LoadRun.StartAsync(settings, images, cancellation);
        await run.CloseAsync(settings.WarmUp, cancellation);
        await (http?.CloseAsync(settings.WarmUp, cancellation) ?? Task.CompletedTask);
        RunEngine(engine, Stopwatch.GetTimestamp() + (long)(settings.WarmUp.TotalSeconds * Stopwatch.Frequency), int.MaxValue);
        double[] grpcMicroseconds = new double[repetitions];
        double[] httpMicroseconds = new double[repetitions];
        double[] engineMicroseconds = new double[repetitions];
        for (int repetition = 0; repetition < repetitions; repetition++)
        {
            cancellation.ThrowIfCancellationRequested();
            grpcMicroseconds[repetition] = await RunServerAsync(server, run, requests, cancellation);
            httpMicroseconds[repetition] = http is null ? 0 : await RunServerAsync(server, http, requests, cancellation);
            TimeSpan own = Environment.CpuUsage.TotalTime;
            RunEngine(engine, long.MaxValue, requests);
            engineMicroseconds[repetition] = (Environment.CpuUsage.TotalTime - own).TotalMicroseconds / requests;
        }

        double[] ratios = [.. grpcMicroseconds.Zip(engineMicroseconds, (theirs, ours) => theirs / ours)];
        double[] httpRatios = [.. httpMicroseconds.Zip(grpcMicroseconds, (theirs, ours) => theirs / ours)];
        return new ServerReport(
            requests * repetitions, Statistics.Median(grpcMicroseconds), Statistics.Median(engineMicroseconds), Statistics.Median(ratios), ratios.Min(), ratios.Max(),
            http is null ? null : new HttpReport(Statistics.Median(httpMicroseconds), Statistics.Median(httpRatios), httpRatios.Min(), httpRatios.Max()));
    }

    // Processor time of a request in microseconds.
    private static async Task<double> RunServerAsync(Process server, LoadRun run, int requests, CancellationToken cancellation)
    {
        server.Refresh();
        TimeSpan before = server.TotalProcessorTime;
        IReadOnlyCollection<LoadSample> samples = await run.CloseAsync(requests, cancellation);
        server.Refresh();
        return samples.Count(sample => sample.Answer.Status != StatusCode.OK) is > 0 and int failed
            ? throw new InvalidOperationException($"{failed} of {requests} requests were not answered.")
            : (server.TotalProcessorTime - before).TotalMicroseconds / requests;
    }

    // As many threads as cores, as a loaded server has, each with images of its own.
    private void RunEngine(InferenceEngine engine, long until, int count)
    {
        int next = -1;
        Thread[] threads = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            InputSpec input = bundle.Manifest.Input;
            var reader = new InputReader(input.Width, input.Height, input.Mean, input.Std, ImageLimits.Default);
            float[] values = new float[input.Length];
            using EngineSession session = engine.CreateSession();
            InferenceResult result = engine.CreateResult();
            for (int i = Interlocked.Increment(ref next); i < count && Stopwatch.GetTimestamp() < until; i = Interlocked.Increment(ref next))
            {
                ByteString encoded = images.Files[i % images.Files.Count];
                reader.Read(encoded.Span, values);
                session.Run(values, settings.Effort ?? 1, Planner.NoCap, result, CancellationToken.None);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
    }
}
