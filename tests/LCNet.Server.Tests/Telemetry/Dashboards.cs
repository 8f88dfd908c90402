using System.Text.Json;

namespace LCNet.Server.Tests;

/// <summary>The dashboards that the repository ships.</summary>
internal static class Dashboards
{
    /// <summary>Every one, by file name.</summary>
    public static IReadOnlyDictionary<string, JsonElement> All { get; } = Directory
        .GetFiles(RepositoryFiles.Of("deploy", "grafana", "dashboards"), "*.json")
        .ToDictionary(file => Path.GetFileName(file), file => JsonDocument.Parse(File.ReadAllText(file)).RootElement);

    /// <summary>Every panel, with the name of its dashboard's file.</summary>
    public static IEnumerable<(string File, JsonElement Panel)> Panels =>
        All.SelectMany(dashboard => dashboard.Value.GetProperty("panels").EnumerateArray().Select(panel => (dashboard.Key, panel)));

    /// <summary>Every query, with the place that it is for, as Grafana sends it for all models.</summary>
    public static IEnumerable<(string Place, string Query)> Queries =>
        from panel in Panels
        from target in panel.Panel.GetProperty("targets").EnumerateArray()
        let query = target.GetProperty("expr").GetString()!
        select ($"{panel.File}: {panel.Panel.GetProperty("title").GetString()}: {query}",
            query.Replace("$model", ".*", StringComparison.Ordinal).Replace("$__rate_interval", "1m", StringComparison.Ordinal));
}
