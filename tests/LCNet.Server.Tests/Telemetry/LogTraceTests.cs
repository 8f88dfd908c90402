using System.Text.Json;
using Grpc.Core;

namespace LCNet.Server.Tests;

public sealed class LogTraceTests(ServerFixture fixture)
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";

    [Fact]
    public async Task Log_InContainer_IsJsonWithTheCallersTrace()
    {
        IReadOnlyCollection<string> lines = await LinesOfCallAsync(new Dictionary<string, string> { ["DOTNET_RUNNING_IN_CONTAINER"] = "true" });

        JsonElement[] entries = [.. lines.Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Contains(entries, entry => entry.TryGetProperty("@tr", out JsonElement trace) && trace.GetString() == Trace && entry.TryGetProperty("@sp", out _));
    }

    [Fact]
    public async Task Log_AsText_EndsWithTheCallersTrace()
    {
        IReadOnlyCollection<string> lines = await LinesOfCallAsync(new Dictionary<string, string>());

        Assert.Contains(lines, line => line.EndsWith($" trace={Trace}", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("Serving", StringComparison.Ordinal) && line.Contains("trace=", StringComparison.Ordinal));
    }

    // At this level the libraries log each call.
    private async Task<IReadOnlyCollection<string>> LinesOfCallAsync(Dictionary<string, string> environment)
    {
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, environment, "--LCNet:LogLevel=Debug");
        await server.ClassifyAsync(TestImages.Png(1), new Metadata { { "traceparent", $"00-{Trace}-b7ad6b7169203331-01" } });
        return await Eventually.GetAsync(() => Task.FromResult(server.Log), log => log.Any(line => line.Contains(Trace, StringComparison.Ordinal)));
    }
}
