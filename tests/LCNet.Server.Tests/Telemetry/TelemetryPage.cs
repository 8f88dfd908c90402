using System.Text.RegularExpressions;

namespace LCNet.Server.Tests;

/// <summary>What <c>docs/telemetry.md</c> says that there is.</summary>
internal static partial class TelemetryPage
{
    private static readonly string Text = File.ReadAllText(RepositoryFiles.Of("docs", "telemetry.md"));

    /// <summary>Names at <c>/metrics</c>, with the type of each.</summary>
    public static IReadOnlyDictionary<string, string> Metrics { get; } = Row().Matches(Text).ToDictionary(
        row => row.Groups["prometheus"].Value,
        row => row.Groups["type"].Value);

    /// <summary>Names of instruments.</summary>
    public static IReadOnlyCollection<string> Instruments { get; } = [.. Row().Matches(Text).Select(row => row.Groups["instrument"].Value)];

    // | `instrument` | type | unit | tags | `prometheus` | meaning |
    [GeneratedRegex(@"^\| `(?<instrument>[a-z_.]+)` \| (?<type>counter|histogram|gauge) \|[^|]*\|[^|]*\| `(?<prometheus>[a-z_]+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
