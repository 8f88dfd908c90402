using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LCNet.Deploy.Tests;

/// <summary>Every YAML and JSON file that deploys the server.</summary>
public sealed partial class DataFileTests(ServerFace server)
{
    // What the telemetry of the server is specified to expose; Metrics_EveryName_IsServed asks the server itself.
    private static readonly HashSet<string> Specified =
    [
        "lcnet_requests_total", "lcnet_request_duration_seconds", "lcnet_queue_duration_seconds", "lcnet_decode_duration_seconds",
        "lcnet_execute_duration_seconds", "lcnet_batch_size", "lcnet_flops_dense_total", "lcnet_flops_planned_total", "lcnet_flops_executed_total",
        "lcnet_planned_share", "lcnet_block_executions_total", "lcnet_block_skips_total", "lcnet_block_channels_total", "lcnet_queue_depth",
        "lcnet_in_flight", "lcnet_models_loaded", "lcnet_effort",
    ];

    public static TheoryData<string> Files => [.. Repository.DataFiles];

    /// <summary>Files of other formats in which metrics are named besides.</summary>
    private static IEnumerable<string> FilesWithMetrics =>
        Directory.EnumerateFiles(Repository.PathOf("deploy"), "*", SearchOption.AllDirectories).Append(Repository.PathOf("docs/scaling.md"));

    [Theory]
    [MemberData(nameof(Files))]
    public void Parse_EveryFile_IsWellFormed(string file)
    {
        if (Path.GetExtension(file) == ".json")
        {
            Assert.NotNull(JsonNode.Parse(Repository.Text(file)));
        }
        else
        {
            Assert.NotEmpty(YamlDocuments.Parse(Repository.Text(file)));
        }
    }

    [Fact]
    public void Metrics_EveryName_IsSpecified() => Assert.All(MetricNames(), name => Assert.Contains(name, Specified));

    [Fact]
    public async Task Metrics_EveryName_IsServed()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.HttpPort}") };
        await server.Client.ListModelsAsync(new V1.ListModelsRequest(), cancellationToken: TestContext.Current.CancellationToken);
        await LoadConfigurationTests.ClassifyAsync(server, LoadConfigurationTests.Requests("deploy/load/data/jpeg.json")[0]);
        using HttpResponseMessage reply = await http.GetAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.SkipUnless(reply.IsSuccessStatusCode, "The server has no /metrics yet.");
        string served = await reply.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.All(MetricNames(), name => Assert.Contains($"# TYPE {name} ", served, StringComparison.Ordinal));
    }

    private static HashSet<string> MetricNames() =>
        [.. FilesWithMetrics
            .Where(File.Exists)
            .SelectMany(file => MetricName().Matches(File.ReadAllText(file)))
            .Select(match => Suffix().Replace(match.Value, string.Empty))];

    [GeneratedRegex(@"\blcnet_[a-z][a-z_]*[a-z]\b")]
    private static partial Regex MetricName();

    // Of a histogram's series.
    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Suffix();
}
