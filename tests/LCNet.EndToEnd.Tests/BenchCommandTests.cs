using System.Globalization;
using System.Text.Json;
using LCNet.Bundles;

namespace LCNet.EndToEnd.Tests;

/// <summary><c>lcnet bench</c> against the real server; what it measures is looked at by people.</summary>
public sealed class BenchCommandTests(ServerProcess server)
{
    [Fact]
    public async Task Bench_Server_ReportsProcessorTimeOfBoth()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The server's process is found in /proc.");
        string file = Path.GetTempFileName();
        try
        {
            (int exitCode, _, string error) = await Repository.LcnetAsync(
                "bench", Repository.Bundle, "--images", "2", "--repetitions", "1", "--data", Repository.Samples,
                "--server", server.Address, "--http", $"http://127.0.0.1:{server.HttpPort}", "--pid", server.ProcessId, "--requests", "40", "--json", file);

            Assert.True(exitCode == 0, error);
            JsonElement report = JsonDocument.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).RootElement.GetProperty("server");
            Assert.Equal(40, report.GetProperty("requests").GetInt32());
            Assert.InRange(report.GetProperty("server_us").GetDouble(), 1, 60e6);
            Assert.InRange(report.GetProperty("engine_us").GetDouble(), 1, 60e6);
            Assert.Equal(report.GetProperty("http").GetProperty("server_us").GetDouble() / report.GetProperty("server_us").GetDouble(), report.GetProperty("http").GetProperty("ratio").GetDouble(), 1e-9);
            Assert.Equal(report.GetProperty("server_us").GetDouble() / report.GetProperty("engine_us").GetDouble(), report.GetProperty("ratio").GetDouble(), 1e-9);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Bench_Batches_ComparesEverySizeWithTheStaticNetwork()
    {
        string file = Path.GetTempFileName();
        try
        {
            (int exitCode, string output, string error) = await Repository.LcnetAsync(
                "bench", Repository.Bundle, "--batches", "--data", Repository.Samples, "--images", "20", "--repetitions", "1", "--effort", "0.6", "--json", file);

            Assert.True(exitCode == 0, error);
            JsonElement[] batches = [.. JsonDocument.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).RootElement.GetProperty("batches").EnumerateArray()];
            Assert.Equal([1, 2, 4, 8, 16, 32, 64, 128], batches.Select(batch => batch.GetProperty("images").GetInt32()));
            int spans = Bundle.Open(Repository.Bundle).Manifest.Spans.Count;
            Assert.All(batches, batch =>
            {
                Assert.Equal(spans + 1, batch.GetProperty("synchronisations").GetInt32());
                Assert.InRange(batch.GetProperty("executed_share").GetDouble(), 0.1, 1.1);
                Assert.True(batch.GetProperty("operations").GetInt64() > batch.GetProperty("static_operations").GetInt64());
                Assert.Equal(batch.GetProperty("time_ratio").GetDouble() * batch.GetProperty("executed_share").GetDouble(), batch.GetProperty("realised_share").GetDouble(), 1e-9);
            });
            Assert.Contains("batch of 128", output, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Bench_Calibrate_WritesTimesThatInspectShows()
    {
        string folder = Directory.CreateTempSubdirectory("lcnet-times-").FullName;
        try
        {
            foreach (string file in Directory.GetFiles(Repository.Bundle))
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            }

            BundleManifest before = Bundle.Open(folder).Manifest;
            (int exitCode, string output, string error) = await Repository.LcnetAsync(
                "bench", folder, "--calibrate", "--data", Repository.Samples, "--images", "10", "--repetitions", "1");

            Assert.True(exitCode == 0, error);
            BundleManifest timed = Bundle.Open(folder).Manifest;
            Assert.NotNull(timed.TimedOn);
            Assert.Contains(timed.TimedOn, output, StringComparison.Ordinal);
            Assert.All(timed.Calibration, point => Assert.InRange(point.Milliseconds!.Value, 0.001, 60_000));
            Assert.Equal(before.Calibration, timed.Calibration, SameButForTimes);
            (_, string inspected, _) = await Repository.LcnetAsync("inspect", folder);
            Assert.Contains(timed.TimedOn, inspected, StringComparison.Ordinal);
            Assert.Contains(timed.Calibration[^1].Milliseconds!.Value.ToString("0.###", CultureInfo.InvariantCulture), inspected, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Bench_CalibrateWithoutData_IsRefused()
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("bench", Repository.Bundle, "--calibrate");

        Assert.Equal(1, exitCode);
        Assert.Contains("--calibrate goes with --data", error, StringComparison.Ordinal);
    }

    private static bool SameButForTimes(CalibrationPoint one, CalibrationPoint other) => one with { Milliseconds = null } == other with { Milliseconds = null };

    [Fact]
    public async Task Bench_ServerWithoutItsProcess_IsRefused()
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("bench", Repository.Bundle, "--server", server.Address);

        Assert.Equal(1, exitCode);
        Assert.Contains("--server goes with --pid", error, StringComparison.Ordinal);
    }
}
