using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

/// <summary>Callers that go away in the middle of their message: that is a cancellation, whatever the connection's end looks like.</summary>
public sealed class ResetTests(ServerFixture fixture)
{
    private const int Calls = 300;
    private const string Cancelled = "lcnet.requests{model=unknown,status=CANCELLED}";
    private static readonly byte[] Cancel = [0, 0, 0, 8];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Classify_StreamIsResetInMidMessage_IsCountedAsCancelled(bool isTokenLate)
    {
        using var entrance = new Entrance(isTokenLate);
        await using TestServer server = await StartAsync(entrance);
        using var metrics = new MetricCapture(server);
        using Http2Frames connection = await Http2Frames.ConnectAsync(server.GrpcAddress);
        var random = new Random(7);
        for (int i = 0; i < Calls; i++)
        {
            int stream = 1 + (2 * i);
            await connection.WriteAsync(Http2Frames.Headers, Http2Frames.EndOfHeaders, stream, Http2Frames.Call());
            await connection.WriteAsync(Http2Frames.Data, 0, stream, Half(random));
            await entrance.WaitAsync();
            await Task.Delay(i % 3, Token);
            await connection.WriteAsync(Http2Frames.Reset, 0, stream, Cancel);
            await Task.Delay(i % 2, Token);
        }

        await AssertCancelledAsync(metrics);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Classify_ConnectionEndsInMidMessage_IsCountedAsCancelled(bool isTokenLate)
    {
        using var entrance = new Entrance(isTokenLate);
        await using TestServer server = await StartAsync(entrance);
        using var metrics = new MetricCapture(server);
        var random = new Random(7);
        for (int i = 0; i < Calls; i++)
        {
            using Http2Frames connection = await Http2Frames.ConnectAsync(server.GrpcAddress);
            await connection.WriteAsync(Http2Frames.Headers, Http2Frames.EndOfHeaders, 1, Http2Frames.Call());
            await connection.WriteAsync(Http2Frames.Data, 0, 1, Half(random));
            await entrance.WaitAsync();
            await Task.Delay(i % 2, Token);
        }

        await AssertCancelledAsync(metrics);
    }

    [Fact]
    public async Task Classify_MessageEndsTooSoon_IsTheCallersMistake()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        using var metrics = new MetricCapture(server);

        (string? status, _) = await RawRequest.PostAsync(server, RawRequest.Classify, Half(new Random(7)));

        Assert.Equal("3", status);
        Assert.Equal(1, await MetricCheck.CountAsync(metrics, "lcnet.requests{model=unknown,status=INVALID_ARGUMENT}", 1));
        Assert.Equal(0, metrics.Sum(Cancelled));
    }

    private Task<TestServer> StartAsync(Entrance entrance) => TestServer.StartAsync(fixture.OneModel, services => services.AddSingleton<IStartupFilter>(entrance));

    private static byte[] Half(Random random) => RawRequest.Frame(new byte[1000])[..random.Next(2, 900)];

    private static async Task AssertCancelledAsync(MetricCapture metrics)
    {
        double counted = await Eventually.GetAsync(
            () => Task.FromResult(metrics.Series.Where(series => series.StartsWith("lcnet.requests{", StringComparison.Ordinal)).Sum(metrics.Sum)), sum => sum >= Calls);
        Assert.Equal(Calls, counted);
        Assert.Equal(Calls, metrics.Sum(Cancelled));
        Assert.Equal(0, metrics.Sum("lcnet.requests{model=unknown,status=INVALID_ARGUMENT}"));
    }

    // Tells of each call that has begun, and keeps its token from it where that is wanted.
    private sealed class Entrance(bool isTokenLate) : IStartupFilter, IDisposable
    {
        private readonly SemaphoreSlim _begun = new(0);

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(rest => context =>
            {
                if (isTokenLate)
                {
                    context.Features.Set<IHttpRequestLifetimeFeature>(new LateToken());
                }

                _begun.Release();
                return rest(context);
            });
            next(app);
        };

        public async Task WaitAsync() => Assert.True(await _begun.WaitAsync(TimeSpan.FromMinutes(1), Token));

        public void Dispose() => _begun.Dispose();
    }

    // Kestrel cancels a request's token on the thread pool, which may be later than reading fails. Here it always is.
    private sealed class LateToken : IHttpRequestLifetimeFeature
    {
        public CancellationToken RequestAborted { get; set; }

        public void Abort()
        {
        }
    }
}
