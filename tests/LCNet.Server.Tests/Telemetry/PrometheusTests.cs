using System.Text.Json;
using System.Text.RegularExpressions;

namespace LCNet.Server.Tests;

/// <summary>What a real Prometheus makes of the real server.</summary>
public sealed partial class PrometheusTests(ScrapedServer scraped) : IClassFixture<ScrapedServer>
{
    [Fact]
    public async Task Counters_KnownLoad_EqualTheReplies()
    {
        Tool.Require("prometheus");
        foreach (string model in new[] { ServerFixture.Model, ServerFixture.OtherModel })
        {
            V1.Compute[] bills = [.. scraped.Replies.Where(reply => reply.Model == model).Select(reply => reply.Compute)];
            await AssertIsAsync(bills.Length, $"lcnet_requests_total{{model=\"{model}\", status=\"OK\"}}");
            await AssertIsAsync(bills.Sum(bill => bill.DenseFlops), $"lcnet_flops_dense_total{{model=\"{model}\"}}");
            await AssertIsAsync(bills.Sum(bill => bill.PlannedFlops), $"lcnet_flops_planned_total{{model=\"{model}\"}}");
            await AssertIsAsync(bills.Sum(bill => bill.ExecutedFlops), $"lcnet_flops_executed_total{{model=\"{model}\"}}");
            for (int block = 0; block < bills[0].Blocks.Count; block++)
            {
                string labels = $"{{model=\"{model}\", block=\"{block}\"}}";
                await AssertIsAsync(bills.Count(bill => bill.Blocks[block].Executed), $"lcnet_block_executions_total{labels}");
                await AssertIsAsync(bills.Count(bill => !bill.Blocks[block].Executed), $"lcnet_block_skips_total{labels}");
                await AssertIsAsync(bills.Sum(bill => bill.Blocks[block].ChannelsRetained), $"lcnet_block_channels_total{labels}");
            }
        }
    }

    [Fact]
    public async Task Dashboards_EveryQuery_ReturnsNumbers()
    {
        Tool.Require("prometheus");
        var empty = new List<string>();
        foreach ((string place, string query) in Dashboards.Queries)
        {
            IReadOnlyList<double> values = await Eventually.GetAsync(() => scraped.Prometheus.QueryAsync(query), found => found.Count > 0);
            if (values.Count == 0)
            {
                empty.Add(place);
            }
        }

        Assert.Empty(empty);
        Assert.True(Dashboards.Queries.Count() > 30);
    }

    [Fact]
    public async Task Rules_EveryRule_IsEvaluatedAndReturnsNumbers()
    {
        Tool.Require("prometheus");
        IReadOnlyList<JsonElement> rules = await Eventually.GetAsync(
            scraped.Prometheus.RulesAsync, found => found.Count > 0 && found.All(rule => rule.GetProperty("health").GetString() != "unknown"));

        Assert.True(rules.Count > 10);
        Assert.All(rules, rule => Assert.Equal("ok", rule.GetProperty("health").GetString()));
        var empty = new List<string>();
        foreach (JsonElement rule in rules)
        {
            // An alert that does not fire returns nothing; what it compares must be there, so it is asked for the outcome as 0 or 1.
            string name = rule.GetProperty("name").GetString()!;
            string query = rule.GetProperty("type").GetString() == "recording" ? name : Comparison().Replace(rule.GetProperty("query").GetString()!, " $1 bool ");
            IReadOnlyList<double> values = await Eventually.GetAsync(() => scraped.Prometheus.QueryAsync(query), found => found.Count > 0);
            if (values.Count == 0)
            {
                empty.Add($"{name}: {query}");
            }
        }

        Assert.Empty(empty);
    }

    [GeneratedRegex(" (==|!=|>=|<=|>|<) ")]
    private static partial Regex Comparison();

    private async Task AssertIsAsync(double expected, string query) => Assert.Equal(expected, Assert.Single(await scraped.Prometheus.QueryAsync(query)));
}
