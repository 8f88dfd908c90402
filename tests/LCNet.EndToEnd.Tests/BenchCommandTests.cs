using System.Text.Json;

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
                "--server", server.Address, "--pid", server.ProcessId, "--requests", "40", "--json", file);

            Assert.True(exitCode == 0, error);
            JsonElement report = JsonDocument.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).RootElement.GetProperty("server");
            Assert.Equal(40, report.GetProperty("requests").GetInt32());
            Assert.InRange(report.GetProperty("server_us").GetDouble(), 1, 60e6);
            Assert.InRange(report.GetProperty("engine_us").GetDouble(), 1, 60e6);
            Assert.Equal(report.GetProperty("server_us").GetDouble() / report.GetProperty("engine_us").GetDouble(), report.GetProperty("ratio").GetDouble(), 1e-9);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Bench_ServerWithoutItsProcess_IsRefused()
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("bench", Repository.Bundle, "--server", server.Address);

        Assert.Equal(1, exitCode);
        Assert.Contains("--server goes with --pid", error, StringComparison.Ordinal);
    }
}
