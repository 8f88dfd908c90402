using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LCNet.V1;

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

        // A request is counted once its reply is written, a scrape may be a moment old, and some metrics are there once an answer has differed from the whole network's, as those for noise do.
        var random = new Random(1);
        for (int i = 0; i < 600 && !MetricNames().All(name => served.Contains($"# TYPE {name} ", StringComparison.Ordinal)); i++)
        {
            var noise = new Tensor { Shape = { 3, 32, 32 }, Values = { Enumerable.Range(0, 3 * 32 * 32).Select(_ => (float)(random.NextDouble() - 0.5) * 4) } };
            await server.Client.ClassifyAsync(new ClassifyRequest { Tensor = noise, Effort = 0.5 }, cancellationToken: TestContext.Current.CancellationToken);
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
