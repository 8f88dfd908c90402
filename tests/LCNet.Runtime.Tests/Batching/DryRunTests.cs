using System.Diagnostics;
using System.Text.Json;
using LCNet.Bundles;
using LCNet.Runtime.Tests.Synthetic;
using LCNet.Tests;
using LCNet.Training.Export;
using LCNet.Training.Networks;

namespace LCNet.Runtime.Tests.Batching;

/// <summary>What batches have a GPU do, counted by <see cref="StandIns"/> under ONNX Runtime's own CUDA provider.</summary>
public sealed class DryRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Batches_ResNet50_AreWorthRunningOnAGpu()
    {
        StandIns.Require();
        Bundle bundle = SyntheticBundle.Write(50, 0.7, 0.5, Path.Combine(_folder.Path, "resnet50"), GateSpan.Model);
        JsonElement report = await RunAsync("batches", bundle.Folder, "cuda", 32, 1000);
        double Of(string name) => report.GetProperty(name).GetDouble();

        // A bottleneck takes three convolutions, two scalings and a gathering of rows; twice as many operations as the static graph, which does not choose.
        Assert.Equal(63, report.GetProperty("static").GetProperty("operations").GetDouble());
        Assert.InRange(Of("operations"), 100, 2.1 * 63);
        Assert.InRange(Of("saidOperations") / Of("operations"), 0.95, 1);
        Assert.Equal(Of("spans") + 1, Of("synchronisations"));
        Assert.Equal(0, Of("planBuilds"));
        Assert.Equal(0, Of("foreignLaunches"));
        Assert.InRange(Of("deviceBytes"), 5e8, 1.2e9);
        Assert.InRange(Of("reloadingBytes"), 1e9, 2.4e9);
        Assert.InRange(Of("executedOfLeft"), 1, 1.12);

        // Hosts differ, and this one is busy with other tests: docs/benchmarks/gpu.md has the figure of a quiet one, 0.6 ms.
        Assert.InRange(Of("hostMilliseconds"), 0.01, 5);
    }

    [Fact]
    public async Task Batches_SecondOfTwoGpus_GetsAllThatIsDone()
    {
        StandIns.Require();
        Bundle bundle = TestBundles.Bottleneck(_folder);
        string trace = await TraceAsync("batches", bundle.Folder, "cuda:1", 8, 20);
        Assert.Contains(" dev 1\n", trace, StringComparison.Ordinal);
        Assert.DoesNotContain(" dev 0\n", trace, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Images_SeveralWorkers_AreCopiedAndRunOnOneStream()
    {
        StandIns.Require();
        Bundle bundle = TestBundles.Basic(_folder);
        JsonElement report = await RunAsync("images", bundle.Folder, "cuda", 4, 200);
        Assert.True(report.GetProperty("operations").GetInt64() > 4 * 200);
        Assert.Equal(0, report.GetProperty("foreignLaunches").GetInt64());
        string trace = await TraceAsync("images", bundle.Folder, "cuda:1", 2, 5);
        Assert.DoesNotContain(" dev 0\n", trace, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static async Task<JsonElement> RunAsync(string command, string bundle, string device, int first, int second) =>
        JsonDocument.Parse((await StartAsync(trace: false, command, bundle, device, first, second)).Output).RootElement;

    private static async Task<string> TraceAsync(string command, string bundle, string device, int first, int second) =>
        (await StartAsync(trace: true, command, bundle, device, first, second)).Errors;

    private static async Task<(string Output, string Errors)> StartAsync(bool trace, string command, string bundle, string device, int first, int second)
    {
        string standIns = StandIns.Require();
        var start = new ProcessStartInfo("dotnet", [StandIns.Program("LCNet.Runtime.DryRun"), command, bundle, device, $"{first}", $"{second}"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LD_LIBRARY_PATH"] = standIns;
        start.Environment["FAKE_CUDART"] = Path.Combine(standIns, "libcudart.so.13");
        start.Environment["FAKE_CUDA_DEVICES"] = "2";
        start.Environment["FAKE_CUDA_TRACE"] = trace ? "1" : "0";

        // Of what gates say: layers and channels come in one copy.
        (start.Environment["FAKE_RUN"], start.Environment["FAKE_KEEP"]) = ("0.7", "0.7");
        using Process process = Process.Start(start)!;
        using CancellationTokenRegistration limit = TestContext.Current.CancellationToken.Register(process.Kill);
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        string errors = await process.StandardError.ReadToEndAsync(CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        Assert.True(process.ExitCode == 0, errors);
        return (await output, errors);
    }
}
