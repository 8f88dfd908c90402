using System.Globalization;
using System.Text.RegularExpressions;
using LCNet.Bundles;
using LCNet.Server;
using LCNet.Server.Configuration;

namespace LCNet.Deploy.Tests;

/// <summary>Numbers in documents that are the server's or the shipped bundle's are what those say.</summary>
public sealed partial class DocumentedDefaultsTests
{
    private static readonly string Scaling = Repository.Text("docs/scaling.md");

    [Theory]
    [InlineData("docs/security.md", nameof(ServerOptions.MaxQueue))]
    [InlineData("docs/security.md", nameof(ServerOptions.MaxConnections))]
    [InlineData("docs/security.md", nameof(ServerOptions.MaxConnectionsPerAddress))]
    [InlineData("docs/security.md", nameof(ServerOptions.MaxStreamsPerConnection))]
    [InlineData("docs/security.md", nameof(ServerOptions.MinBodyBytesPerSecond))]
    [InlineData("docs/security.md", nameof(ServerOptions.MaxBatch))]
    [InlineData("docs/security.md", nameof(ServerOptions.MaxStreamInFlight))]
    [InlineData("docs/scaling.md", nameof(ServerOptions.MaxQueue))]
    [InlineData("README.md", nameof(ServerOptions.BatchMaxImages))]
    public void Document_DefaultOfASetting_IsTheServers(string document, string setting)
    {
        // The first number after the setting's name, in its sentence or in the next cell of its row.
        string text = Repository.Text(document);
        int value = (int)typeof(ServerOptions).GetProperty(setting)!.GetValue(new ServerOptions())!;
        string line = text.Split('\n').First(each => Regex.IsMatch(each, $@"`(LCNet__)?{setting}`"));
        string[] names = [.. SettingNames().Matches(line[..line.IndexOf(line.StartsWith('|') ? " | " : setting, 2, StringComparison.Ordinal)]).Select(match => match.Value)];
        string after = line.StartsWith('|') ? line.Split(" | ")[1] : line[line.IndexOf(setting, StringComparison.Ordinal)..];
        string[] numbers = [.. Numbers().Matches(after).Select(match => match.Value.Replace(",", string.Empty, StringComparison.Ordinal))];

        Assert.Contains(value.ToString(CultureInfo.InvariantCulture), numbers.Take(Math.Max(1, names.Length)));
    }

    [Fact]
    public void Scaling_WorkedExample_IsOfTheShippedBundleAndAddsUp()
    {
        var bundle = Bundle.Open(Directory.GetDirectories(Repository.PathOf("models")).SelectMany(Directory.GetDirectories).Single());
        double[] flops = [.. new[] { 1, 0.6 }.Select(effort => bundle.Manifest.Calibration.Single(point => point.Effort == effort).MeanFlops)];
        double[] top1 = [.. new[] { 1, 0.6 }.Select(effort => bundle.Manifest.Calibration.Single(point => point.Effort == effort).Top1)];
        Assert.Contains($"the shipped `{bundle.Manifest.Model}`", Scaling, StringComparison.Ordinal);
        Assert.Contains(Invariant($"| {flops[0] / 1e6:F2} and {flops[1] / 1e6:F2} MFLOPs |"), Scaling, StringComparison.Ordinal);
        Assert.Contains(Invariant($"{100 * (top1[0] - top1[1]):F1} points of top-1 ({100 * top1[0]:F2} % to {100 * top1[1]:F2} %"), Scaling, StringComparison.Ordinal);

        double speed = double.Parse(SpeedOfACore().Match(Scaling).Groups[1].Value, CultureInfo.InvariantCulture);
        double replica = 4 * speed * 0.6;
        for (int i = 0; i < 2; i++)
        {
            double needed = 2000 * flops[i] / 1e9;
            Assert.Matches(Regex.Escape(Invariant($"= {needed:F0} GFLOP/s;")), Scaling);
            Assert.Matches(Invariant($@"= {needed / replica:F1}  →  {Math.Ceiling(needed / replica):F0} \+ 1 replicas"), Scaling);
        }
    }

    [Fact]
    public void Telemetry_QueueDepth_IsWhatTheInstrumentSays()
    {
        string row = Repository.Text("docs/telemetry.md").Split('\n').Single(line => line.StartsWith("| `lcnet.queue.depth`", StringComparison.Ordinal));
        string instrument = Regex.Match(Repository.Text("src/LCNet.Server/Telemetry/ServerMetrics.cs"), "\"lcnet.queue.depth\", .*\"(?<description>[^\"]+)\"\\);").Groups["description"].Value;

        Assert.StartsWith(instrument, row.Split('|')[^2].Trim(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("wait for their turn, for a worker", row, StringComparison.Ordinal);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\d[\d,]*")]
    private static partial Regex Numbers();

    [GeneratedRegex("`[A-Za-z_]+`")]
    private static partial Regex SettingNames();

    [GeneratedRegex(@"\| `R` \| (\d+) GFLOP/s \|")]
    private static partial Regex SpeedOfACore();
}
