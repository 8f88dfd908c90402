using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LCNet.Deploy.Tests;

/// <summary>Every YAML and JSON file that deploys the server.</summary>
public sealed partial class DataFileTests(ServerFace server)
{
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
    public async Task Metrics_EveryName_IsServed()
    {
        await LoadConfigurationTests.ClassifyAsync(server, LoadConfigurationTests.Requests("deploy/load/data/jpeg.json")[0]);
        string served = await GetAsync(Containers.MetricsPath);

        // A request is counted once its reply is written, and a scrape may be a moment old.
        for (int i = 0; i < 600 && !served.Contains("# TYPE lcnet_request_duration_seconds ", StringComparison.Ordinal); i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            served = await GetAsync(Containers.MetricsPath);
        }

        Assert.All(MetricNames(), name => Assert.Contains($"# TYPE {name} ", served, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Liveness_Path_IsServed() => Assert.Equal("Healthy", await GetAsync(Containers.LivenessPath));

    private static HashSet<string> MetricNames() =>
        [.. FilesWithMetrics
            .Where(File.Exists)
            .SelectMany(file => MetricName().Matches(File.ReadAllText(file)))
            .Select(match => Suffix().Replace(match.Value, string.Empty))];

    private async Task<string> GetAsync(string path)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.HttpPort}") };
        return await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
    }

    [GeneratedRegex(@"\blcnet_[a-z][a-z_]*[a-z]\b")]
    private static partial Regex MetricName();

    // Of a histogram's series.
    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Suffix();
}
