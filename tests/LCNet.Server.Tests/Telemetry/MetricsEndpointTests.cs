using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>What a scrape of the real server gives.</summary>
public sealed class MetricsEndpointTests(ServerFixture fixture)
{
    [Fact]
    public async Task Metrics_KnownLoad_EqualTheReplies()
    {
        using RunningServer server = await RunningServer.StartAsync(fixture.SeveralModels, new Dictionary<string, string>());
        ClassifyResponse[] replies = [.. await server.ClassifyManyAsync(60, ServerFixture.Model), .. await server.ClassifyManyAsync(40, ServerFixture.OtherModel)];

        Exposition metrics = await Eventually.GetAsync(
            () => Exposition.GetAsync(server.Http), answer => answer.Sum("lcnet_requests_total", ("status", "OK")) == replies.Length);

        foreach (IGrouping<string, ClassifyResponse> model in replies.GroupBy(reply => reply.Model))
        {
            (string, string) tag = ("model", model.Key);
            Assert.Equal(model.Count(), metrics.Sum("lcnet_requests_total", tag, ("status", "OK")));
            Assert.Equal(model.Sum(reply => reply.Compute.DenseFlops), metrics.Sum("lcnet_flops_dense_total", tag));
            Assert.Equal(model.Sum(reply => reply.Compute.PlannedFlops), metrics.Sum("lcnet_flops_planned_total", tag));
            Assert.Equal(model.Sum(reply => reply.Compute.ExecutedFlops), metrics.Sum("lcnet_flops_executed_total", tag));
            Assert.Equal(model.Sum(reply => reply.Compute.Blocks.Count(block => block.Executed)), metrics.Sum("lcnet_block_executions_total", tag));
            Assert.Equal(model.Sum(reply => reply.Compute.Blocks.Count(block => !block.Executed)), metrics.Sum("lcnet_block_skips_total", tag));
            Assert.Equal(model.Count(), metrics.Sum("lcnet_planned_share_count", tag));
        }

        Assert.Equal(3, metrics.Sum("lcnet_models_loaded"));
        Assert.Equal(0, metrics.Sum("lcnet_in_flight"));
    }

    [Fact]
    public async Task Metrics_OnceEverythingHasHappened_AreThoseOfThePageAndNoOthers()
    {
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, new Dictionary<string, string>(), "--LCNet:ShadowRate=1", "--LCNet:MinAgreement=0.5");
        await server.ClassifyManyAsync(1, ServerFixture.Model);

        // Until an answer differs from the whole network's.
        Exposition metrics = await Eventually.GetAsync(
            async () =>
            {
                await server.ClassifyManyAsync(20, ServerFixture.Model);
                return await Exposition.GetAsync(server.Http);
            },
            answer => answer.Sum("lcnet_shadow_disagreement_count") > 0);

        Assert.Equal(
            TelemetryPage.Metrics.OrderBy(row => row.Key),
            metrics.Types.Where(type => type.Key != "target_info" && !IsRuntime(type.Key)).OrderBy(type => type.Key));
        Assert.InRange(metrics.Sum("dotnet_process_memory_working_set_bytes"), 1 << 20, long.MaxValue);
    }

    [Fact]
    public async Task Metrics_OfTwoServersInAProcess_AreEachItsOwnAndSurviveTheOther()
    {
        await using TestServer mine = await TestServer.StartAsync(fixture.OneModel);
        await using (TestServer other = await TestServer.StartAsync(fixture.OneModel))
        {
            await AnswerAsync(mine, 3);
            await AnswerAsync(other, 5);
            Assert.Equal(3, await AnsweredAsync(mine, 3));
            Assert.Equal(5, await AnsweredAsync(other, 5));
        }

        // And one that begins after the other has ended.
        await AnswerAsync(mine, 4);
        Assert.Equal(7, await AnsweredAsync(mine, 7));
        await using TestServer next = await TestServer.StartAsync(fixture.OneModel);
        await AnswerAsync(next, 2);
        Assert.Equal(2, await AnsweredAsync(next, 2));
        await AnswerAsync(mine, 1);
        Assert.Equal(8, await AnsweredAsync(mine, 8));
    }

    [Fact]
    public async Task Metrics_BeforeTheFirstRequest_ShowCountersAtZero()
    {
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, new Dictionary<string, string>());

        Exposition metrics = await Exposition.GetAsync(server.Http);

        Sample[] counters = [.. metrics.Samples.Where(sample => !IsRuntime(sample.Name) && metrics.Types.GetValueOrDefault(sample.Name) == "counter")];
        Assert.Contains(counters, sample => sample.Name == "lcnet_requests_total" && sample.Labels["status"] == "RESOURCE_EXHAUSTED");
        Assert.Contains(counters, sample => sample.Name == "lcnet_flops_executed_total");
        Assert.Contains(counters, sample => sample.Name == "lcnet_block_skips_total");
        Assert.All(counters, sample => Assert.Equal(0, sample.Value));
    }

    [Fact]
    public async Task Metrics_TelemetryDisabled_AreGoneAndTheServerWorks()
    {
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, new Dictionary<string, string> { ["OTEL_SDK_DISABLED"] = "true" });

        await server.ClassifyAsync(TestImages.Png(1));
        using HttpResponseMessage response = await server.Http.GetAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(System.Net.HttpStatusCode.NotFound, response.StatusCode);
    }

    // .NET's own.
    private static bool IsRuntime(string metric) => metric.StartsWith("dotnet_", StringComparison.Ordinal);

    private static async Task AnswerAsync(TestServer server, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await server.ClassifyAsync(TestImages.Png(i));
        }
    }

    // The exporter answers a scrape that comes soon after another with the same text.
    private static Task<double> AnsweredAsync(TestServer server, double expected) => Eventually.GetAsync(
        async () => (await Exposition.GetAsync(server.Http)).Sum("lcnet_requests_total", ("status", "OK")), count => count >= expected);
}
