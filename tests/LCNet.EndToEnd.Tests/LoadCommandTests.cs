using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using LCNet.Bundles;

namespace LCNet.EndToEnd.Tests;

/// <summary><c>lcnet load</c> against the real server; what it measures is looked at by people.</summary>
public sealed class LoadCommandTests(ServerProcess server)
{
    [Theory]
    [InlineData("--concurrency", "4", 1)]
    [InlineData("--rate", "40", 1)]
    [InlineData("--concurrency", "4", 8)]
    [InlineData("--concurrency", "4", 1, true)]
    public async Task Load_ShippedImages_AccountsForEveryRequest(string loop, string value, int batch, bool isHttp = false)
    {
        string[] http = isHttp ? ["--http", $"http://127.0.0.1:{server.HttpPort}"] : [];
        (int exitCode, string output, string error) = await Repository.LcnetAsync(
            ["load", Repository.Samples, .. http, "--server", server.Address, loop, value, "--batch", $"{batch}", "--seconds", "1", "--warm-up", "0.5", "--effort", "0.5", "--deadline", "60", "--json"]);

        Assert.True(exitCode == 0, error);
        JsonElement report = JsonDocument.Parse(output).RootElement;
        int sent = report.GetProperty("sent").GetInt32();
        Assert.InRange(sent, 1, int.MaxValue);
        Assert.Equal(sent, report.GetProperty("statuses").EnumerateObject().Sum(status => status.Value.GetInt32()));
        Assert.Equal(sent, report.GetProperty("statuses").GetProperty("OK").GetInt32());
        Assert.Equal(sent, report.GetProperty("answered").GetProperty("count").GetInt32());
        Assert.InRange(report.GetProperty("goodput").GetDouble(), 1, double.MaxValue);
        Assert.Equal(batch * report.GetProperty("goodput").GetDouble(), report.GetProperty("image_goodput").GetDouble(), 1e-9);
        Assert.Equal(0.5, report.GetProperty("mean_effort").GetDouble(), 1e-9);
        Assert.Equal(Bundle.Open(Repository.Bundle).Manifest.Calibration.Single(point => point.Effort == 0.5).Top1, report.GetProperty("predicted_top1").GetDouble(), 1e-9);
        Assert.InRange(report.GetProperty("top1").GetDouble(), 0.5, 1);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("refused").ValueKind);
    }

    [Fact]
    public async Task Soak_AFewSeconds_LooksAtTheServerTwice()
    {
        string[] programs = ["bash", "curl"];
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && programs.All(program => Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, program)))),
            $"{string.Join(" and ", programs)} are not at hand.");

        (int exitCode, string output, string error) = await Repository.RunAsync(
            "bash", [Path.Combine("deploy", "load", "soak.sh"), Repository.Samples, server.ProcessId],
            new Dictionary<string, string>
            {
                ["PORT"] = new Uri(server.Address).Port.ToString(CultureInfo.InvariantCulture),
                ["HTTP_PORT"] = server.HttpPort.ToString(CultureInfo.InvariantCulture),
                ["RATE"] = "5",
                ["DURATION"] = "10",
                ["LCNET"] = $"dotnet {Repository.LcnetLibrary}",
            });

        Assert.True(exitCode == 0, error);
        Assert.Equal(2, Regex.Count(output, @"^after \d+ s: resident [1-9]\d* MiB, managed heap \d+ MiB, [1-9]\d* descriptors, [1-9]\d* threads$", RegexOptions.Multiline));
        Assert.Matches(@"statuses: OK \d+\n", output);
    }

    [Theory]
    [InlineData("--server", "http://example.org:8001", "no address of this machine")]
    [InlineData("--http", "http://example.org:8000", "--http: 'http://example.org:8000' is no address")]
    [InlineData("--rate", "1000000", "--rate: 1000000 is outside")]
    [InlineData("--batch", "0", "--batch: 0 is outside")]
    [InlineData("--seconds", "86400", "--seconds: 86400 is outside")]
    [InlineData("--from", "10.0.0.1", "no loopback address")]
    public async Task Load_WrongOption_IsRefusedBeforeAnythingIsSent(string option, string value, string problem)
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("load", Repository.Samples, option, value);

        Assert.Equal(1, exitCode);
        Assert.Contains(problem, error, StringComparison.Ordinal);
    }
}
