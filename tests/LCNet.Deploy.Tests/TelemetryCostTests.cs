using System.Diagnostics;

namespace LCNet.Deploy.Tests;

/// <summary><c>deploy/load/telemetry.sh</c>: that it runs to its end. What it measures of a debug build in three requests means nothing.</summary>
public sealed class TelemetryCostTests
{
    [Fact]
    public async Task Script_AFewRequests_ComparesTheServers()
    {
        string[] programs = ["h2load", "taskset", "curl", "perl"];
        Assert.SkipUnless(programs.All(Programs.Exists) && Environment.ProcessorCount > 1, $"{string.Join(", ", programs)} and two cores are not all at hand.");
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Repository.PathOf("deploy/load/telemetry.sh"));
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "LCNet.Server.dll"));
        start.Environment["ROUNDS"] = "2";
        start.Environment["REQUESTS"] = "4";
        start.Environment["WARMUP"] = "4";

        (int code, string output) = await Programs.RunAsync(start);

        Assert.True(code == 0, output);
        foreach (string compared in new[] { "shipped +.* of off: throughput", "traced +.* of off: throughput", "tenth +.* of untraced: throughput" })
        {
            Assert.Matches(compared, output);
        }
    }
}
