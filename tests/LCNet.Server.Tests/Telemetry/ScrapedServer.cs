using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>The real server after a known load, and a real Prometheus that has scraped it before and after.</summary>
public sealed class ScrapedServer(ServerFixture fixture) : IAsyncLifetime
{
    private const int Images = 60;
    private readonly List<ClassifyResponse> _replies = [];
    private RunningServer? _server;
    private PrometheusServer? _prometheus;

    /// <summary>Every reply so far.</summary>
    internal IReadOnlyList<ClassifyResponse> Replies => _replies;

    internal PrometheusServer Prometheus => _prometheus ?? throw new InvalidOperationException("Prometheus is not installed.");

    public async ValueTask InitializeAsync()
    {
        if (!Tool.IsInstalled("prometheus"))
        {
            return;
        }

        _server = await RunningServer.StartAsync(fixture.SeveralModels, new Dictionary<string, string>(), "--LCNet:ShadowRate=1", "--LCNet:MinAgreement=0.5");
        _prometheus = new PrometheusServer(_server.HttpAddress);

        // Rates and quantiles are made of what changes between two scrapes: histograms appear with the first load and change with the second.
        for (int round = 0; round < 2; round++)
        {
            _replies.AddRange(await _server.ClassifyManyAsync(Images, ServerFixture.Model));
            _replies.AddRange(await _server.ClassifyManyAsync(Images, ServerFixture.OtherModel));
            IReadOnlyList<double> counted = await Eventually.GetAsync(
                () => Prometheus.QueryAsync("sum(lcnet_requests_total{status=\"OK\"})"), values => values.Count == 1 && values[0] == _replies.Count);
            Assert.True(counted.Count == 1 && counted[0] == _replies.Count, $"Prometheus has {string.Join(", ", counted)} of {_replies.Count} requests. {Prometheus.Log}");
        }
    }

    public ValueTask DisposeAsync()
    {
        _prometheus?.Dispose();
        _server?.Dispose();
        return ValueTask.CompletedTask;
    }
}
