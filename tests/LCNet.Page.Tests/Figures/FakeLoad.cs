using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Page.Tests;

/// <summary>Measurements of a server that a test makes up, by the instruments that the server's own requests use.</summary>
internal sealed class FakeLoad
{
    private readonly Histogram<double> _durations;
    private readonly Histogram<double> _shares;
    private readonly Counter<long> _dense;
    private readonly Counter<long> _planned;
    private readonly KeyValuePair<string, object?>[] _model = [new("model", ServerFixture.Model)];
    private readonly Dictionary<string, KeyValuePair<string, object?>[]> _statuses;

    public FakeLoad(TestServer server, params string[] statuses)
    {
        Meter meter = server.App.Services.GetRequiredService<IMeterFactory>().Create("LCNet.Serving");
        _durations = meter.CreateHistogram<double>("lcnet.request.duration");
        _shares = meter.CreateHistogram<double>("lcnet.planned.share");
        _dense = meter.CreateCounter<long>("lcnet.flops.dense");
        _planned = meter.CreateCounter<long>("lcnet.flops.planned");
        _statuses = statuses.ToDictionary(status => status, status => (KeyValuePair<string, object?>[])[_model[0], new("status", status)]);
    }

    /// <summary>An image is answered.</summary>
    public void Image(long dense, long planned)
    {
        _dense.Add(dense, _model);
        _planned.Add(planned, _model);
        _shares.Record((double)planned / dense, _model);
    }

    /// <summary>A request has ended.</summary>
    public void Request(string status, double seconds) => _durations.Record(seconds, _statuses[status]);
}
