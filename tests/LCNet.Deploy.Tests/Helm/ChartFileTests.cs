using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LCNet.Runtime.Execution;
using LCNet.Server;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;
using LCNet.Server.Models;
using Microsoft.Extensions.Logging;

namespace LCNet.Deploy.Tests;

/// <summary>The chart's values, their schema and the names in its templates, without rendering it.</summary>
public sealed partial class ChartFileTests
{
    // Helm's own customs: they may be given and are not among the values.
    private static readonly HashSet<string> Customary = ["nameOverride", "fullnameOverride", "global"];

    // Settings that the chart sets itself.
    private static readonly HashSet<string> ChartsOwn =
    [
        nameof(ServerOptions.Models), nameof(ServerOptions.Device), nameof(ServerOptions.BindAddress), nameof(ServerOptions.GrpcPort), nameof(ServerOptions.HttpPort),
        nameof(ServerOptions.HttpBindAddress), nameof(ServerOptions.TlsCertificate), nameof(ServerOptions.TlsKey), nameof(ServerOptions.TlsClientCa), nameof(ServerOptions.ApiKeys),
        nameof(ServerOptions.DrainDelay), nameof(ServerOptions.DrainTimeout),
    ];

    private static JsonObject SettingsSchema => Chart.Schema.At("properties", "settings", "properties").AsObject();

    [Fact]
    public void Chart_Versions_AreTheBuilds()
    {
        JsonNode chart = Repository.Yaml($"{Chart.Folder}/Chart.yaml");

        Assert.Equal(Repository.Version, chart.TextAt("version"));
        Assert.Equal(Repository.Version, chart.TextAt("appVersion"));
    }

    [Fact]
    public void Templates_EveryValue_IsDeclaredAndDescribed()
    {
        IEnumerable<string> used = Chart.Templates.SelectMany(file => Value().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value).Distinct();
        foreach (string path in used.Where(path => !Customary.Contains(path)))
        {
            JsonNode? schema = Chart.Schema;
            JsonNode? value = Chart.Values;
            foreach (string name in path.Split('.'))
            {
                value = value is JsonObject map && map.ContainsKey(name) ? map[name] : throw new InvalidOperationException($"values.yaml has no {path}");
                schema = schema!["properties"]?[name] ?? throw new InvalidOperationException($"values.schema.json has no {path}");
            }
        }
    }

    [Fact]
    public void Values_EveryOne_IsUsed()
    {
        string templates = string.Concat(Chart.Templates.Select(File.ReadAllText));
        foreach (KeyValuePair<string, JsonNode?> value in Chart.Values.AsObject())
        {
            bool leaves = value.Value is JsonObject map && map.Count > 0 && !templates.Contains($".Values.{value.Key} ", StringComparison.Ordinal);
            IEnumerable<string> paths = leaves ? value.Value!.AsObject().Select(inner => $"{value.Key}.{inner.Key}") : [value.Key];
            Assert.All(paths, path => Assert.Matches($@"\.Values\.{Regex.Escape(path)}\b", templates));
        }
    }

    [Fact]
    public void Values_EveryOne_FitsTheSchema() => Assert.Empty(HelmSchema.Breaches(Chart.Values, Chart.Schema));

    [Theory]
    [InlineData("device", "\"tpu\"")]
    [InlineData("settings", "{\"Wrokers\": 1}")]
    [InlineData("settings", "{\"DefaultEffort\": 0}")]
    [InlineData("settings", "{\"MaxQueue\": \"many\"}")]
    [InlineData("telemetry", "{\"otlpEndpoint\": \"collector:4317\"}")]
    [InlineData("telemetry", "{\"tracedShare\": 1.5}")]
    [InlineData("security", "{\"clientCaSecret\": \"ca\", \"tlsSecret\": \"\"}")]
    [InlineData("nothing", "1")]
    public void Schema_WrongValue_IsRefused(string name, string value)
    {
        JsonNode values = Chart.Values.DeepClone();
        values[name] = JsonNode.Parse(value);

        Assert.Single(HelmSchema.Breaches(values, Chart.Schema));
    }

    [Fact]
    public void SettingsSchema_Names_AreTheServersSettings() =>
        Assert.Equal(ServerFace.Settings.Except(ChartsOwn).Order(StringComparer.Ordinal), SettingsSchema.Select(setting => setting.Key).Order(StringComparer.Ordinal));

    [Fact]
    public void SettingsSchema_Choices_AreTheServersOwn()
    {
        Assert.Equal(Enum.GetNames<ExecutorKind>(), Choices(nameof(ServerOptions.Executor)));
        Assert.Equal(Enum.GetNames<ModelControl>(), Choices(nameof(ServerOptions.ModelControl)));
        Assert.Equal(Enum.GetNames<LogFormat>(), Choices(nameof(ServerOptions.LogFormat)));
        Assert.Equal(Enum.GetNames<LogLevel>(), Choices(nameof(ServerOptions.LogLevel)));
    }

    [Theory]
    [InlineData("minimum", -1)]
    [InlineData("maximum", 1)]
    public void SettingsSchema_Limits_AreTheServersOwn(string limit, int beyond)
    {
        foreach ((string name, JsonNode? schema) in SettingsSchema.Where(setting => setting.Value![limit] is not null))
        {
            // Below the limit of an image a request cannot be; the schema does not relate the two.
            if (limit == "minimum" && name == nameof(ServerOptions.MaxRequestBytes))
            {
                continue;
            }

            long value = schema!.At(limit).GetValue<long>();
            string request = name == nameof(ServerOptions.MaxImageBytes) ? "--LCNet:MaxRequestBytes=2147483647" : "--LCNet:HttpPort=8000";
            ((IDisposable)ServerHost.Build([$"--LCNet:{name}={value}", request])).Dispose();
            string wrong = (value + beyond).ToString(CultureInfo.InvariantCulture);
            Assert.Throws<ServerOptionsException>(() => ServerHost.Build([$"--LCNet:{name}={wrong}", request]));
        }
    }

    [Fact]
    public void PrometheusAdapter_Rule_OffersWhatTheAutoscalerAsksFor()
    {
        JsonNode rule = Assert.Single(Repository.Yaml("deploy/helm/prometheus-adapter.yaml").At("rules").Items("custom"));

        Assert.Contains($"name: {rule.TextAt("name", "as")}\n", Repository.Text($"{Chart.Folder}/templates/hpa.yaml"), StringComparison.Ordinal);
        Assert.StartsWith($"{rule.TextAt("name", "as")}{{", rule.TextAt("seriesQuery"), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Choices(string setting) => SettingsSchema.At(setting).Items("enum").Select(choice => choice.ToString());

    [GeneratedRegex(@"\.Values\.([A-Za-z]+(?:\.[A-Za-z]+)*)")]
    private static partial Regex Value();
}
