using System.Text.Json;

namespace LCNet.EndToEnd.Tests;

/// <summary><c>lcnet load</c> against the real server; what it measures is looked at by people.</summary>
public sealed class LoadCommandTests(ServerProcess server)
{
    [Theory]
    [InlineData("--concurrency", "4")]
    [InlineData("--rate", "40")]
    public async Task Load_ShippedImages_AccountsForEveryRequest(string loop, string value)
    {
        (int exitCode, string output, string error) = await Repository.LcnetAsync(
            "load", Repository.Samples, "--server", server.Address, loop, value, "--seconds", "1", "--warm-up", "0.5", "--effort", "0.5", "--deadline", "60", "--json");

        Assert.True(exitCode == 0, error);
        JsonElement report = JsonDocument.Parse(output).RootElement;
        int sent = report.GetProperty("sent").GetInt32();
        Assert.InRange(sent, 1, int.MaxValue);
        Assert.Equal(sent, report.GetProperty("statuses").EnumerateObject().Sum(status => status.Value.GetInt32()));
        Assert.Equal(sent, report.GetProperty("statuses").GetProperty("OK").GetInt32());
        Assert.Equal(sent, report.GetProperty("answered").GetProperty("count").GetInt32());
        Assert.Equal(0.5, report.GetProperty("mean_effort").GetDouble(), 1e-9);
        Assert.Equal(0.8324, report.GetProperty("predicted_top1").GetDouble(), 1e-9);
        Assert.InRange(report.GetProperty("top1").GetDouble(), 0, 1);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("refused").ValueKind);
    }

    [Theory]
    [InlineData("--server", "http://example.org:8001", "no address of this machine")]
    [InlineData("--rate", "1000000", "--rate: 1000000 is outside")]
    [InlineData("--seconds", "86400", "--seconds: 86400 is outside")]
    [InlineData("--from", "10.0.0.1", "no loopback address")]
    public async Task Load_WrongOption_IsRefusedBeforeAnythingIsSent(string option, string value, string problem)
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("load", Repository.Samples, option, value);

        Assert.Equal(1, exitCode);
        Assert.Contains(problem, error, StringComparison.Ordinal);
    }
}
