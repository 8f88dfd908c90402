using System.Text.Json;
using System.Text.RegularExpressions;

namespace LCNet.Server.Tests;

/// <summary>The files for Prometheus and Grafana against what the server exposes. What they mean is tried in <see cref="PrometheusTests"/>.</summary>
public sealed partial class DashboardTests
{
    [Fact]
    public void Dashboards_EveryPanel_AsksTheDataSourceThatIsProvisioned()
    {
        string provisioned = File.ReadAllText(RepositoryFiles.Of("deploy", "grafana", "provisioning", "datasources", "prometheus.yml"));
        string uid = UidLine().Match(provisioned).Groups[1].Value;

        Assert.NotEmpty(uid);
        Assert.Equal(3, Dashboards.All.Count);
        Assert.All(Dashboards.Panels, panel => Assert.Equal(uid, Uid(panel.Panel)));
        Assert.All(Dashboards.Panels.SelectMany(panel => panel.Panel.GetProperty("targets").EnumerateArray()), target => Assert.Equal(uid, Uid(target)));
        Assert.All(Dashboards.All.Values, dashboard => Assert.Equal(uid, Uid(dashboard.GetProperty("templating").GetProperty("list")[0])));
    }

    [Fact]
    public void Dashboards_FileNames_AreTheirIds() =>
        Assert.All(Dashboards.All, dashboard => Assert.Equal(dashboard.Key, $"{dashboard.Value.GetProperty("uid").GetString()}.json"));

    [Fact]
    public void Dashboards_Panels_DoNotOverlapAndHaveIdsOfTheirOwn()
    {
        foreach (JsonElement dashboard in Dashboards.All.Values)
        {
            JsonElement[] panels = [.. dashboard.GetProperty("panels").EnumerateArray()];
            Assert.Equal(panels.Length, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
            var taken = new HashSet<(int X, int Y)>();
            foreach (JsonElement place in panels.Select(panel => panel.GetProperty("gridPos")))
            {
                int right = Number(place, "x") + Number(place, "w");
                Assert.InRange(right, 1, 24);
                for (int x = Number(place, "x"); x < right; x++)
                {
                    Assert.All(Enumerable.Range(Number(place, "y"), Number(place, "h")), y => Assert.True(taken.Add((x, y))));
                }
            }
        }
    }

    [Fact]
    public void Queries_EveryMetric_IsOneThatTheServerExposesOrARuleRecords()
    {
        string[] rules = [.. Directory.GetFiles(RepositoryFiles.Of("deploy", "prometheus", "rules"), "*.yml").Select(File.ReadAllText)];
        var recorded = rules.SelectMany(text => RecordLine().Matches(text)).Select(match => match.Groups[1].Value).ToHashSet();
        HashSet<string> exposed = [.. TelemetryPage.Metrics.SelectMany(metric => metric.Value == "histogram"
            ? new[] { $"{metric.Key}_bucket", $"{metric.Key}_sum", $"{metric.Key}_count" }
            : [metric.Key])];

        string[] asked = [.. Dashboards.Queries.Select(query => query.Query), .. rules.SelectMany(text => ExprLine().Matches(text)).Select(match => match.Value)];
        Assert.All(asked.SelectMany(query => MetricName().Matches(query)).Select(match => match.Value).Distinct(), name =>
            Assert.True(recorded.Contains(name) || exposed.Contains(name), $"{name} is neither exposed nor recorded."));
    }

    private static string Uid(JsonElement owner) => owner.GetProperty("datasource").GetProperty("uid").GetString()!;

    private static int Number(JsonElement owner, string name) => owner.GetProperty(name).GetInt32();

    [GeneratedRegex(@"^\s+uid: (\S+)$", RegexOptions.Multiline)]
    private static partial Regex UidLine();

    [GeneratedRegex(@"record: (\S+)")]
    private static partial Regex RecordLine();

    [GeneratedRegex(@"expr:(.*(\n {10,}.*)*)")]
    private static partial Regex ExprLine();

    [GeneratedRegex(@"\blcnet[_:][a-z0-9_:]+")]
    private static partial Regex MetricName();
}
