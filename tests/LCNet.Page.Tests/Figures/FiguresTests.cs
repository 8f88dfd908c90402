using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Page.Tests;

/// <summary>What the page makes of the server's answers, next to a calculation that keeps every measurement.</summary>
public sealed class FiguresTests(ServerFixture fixture, ChromiumBrowser browser, ShippedServer shipped)
{
    private const long Dense = 1_000_000;
    private const int Window = 60;
    private static readonly string[] Statuses = ["OK", "OK", "OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"];

    [Fact]
    public async Task Figures_RandomLoad_EqualBruteForce()
    {
        var time = new ManualTime();
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, services => services.AddSingleton<TimeProvider>(time));
        var load = new FakeLoad(server, [.. Statuses.Distinct()]);
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        var answers = new List<string> { (await server.FiguresAsync()).GetRawText() };
        var random = new Random(7);
        var images = new List<(int Second, long Planned)>();
        var requests = new List<(int Second, string Status, double Duration)>();
        for (int second = 1; second <= 100; second++)
        {
            for (int i = random.Next(1, 30); i > 0; i--)
            {
                images.Add((second, random.NextInt64(Dense / 20, Dense)));
                load.Image(Dense, images[^1].Planned);

                // From 10 µs to 10 s.
                requests.Add((second, Statuses[random.Next(Statuses.Length)], Math.Pow(10, (random.NextDouble() * 6) - 5)));
                load.Request(requests[^1].Status, requests[^1].Duration);
            }

            time.PassSecond();
            answers.Add((await server.FiguresAsync()).GetRawText());
            if (second is 1 or 2 or 30 or Window or 61 or 100)
            {
                AssertEqual(await WindowAsync(page, answers), second, images, requests);
            }
        }
    }

    [Fact]
    public async Task Figures_Quiet_AreThereAtZero()
    {
        var time = new ManualTime();
        await using TestServer server = await TestServer.StartAsync(fixture.SeveralModels, services => services.AddSingleton<TimeProvider>(time));
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        JsonElement figures = await WindowAsync(page, [(await server.FiguresAsync()).GetRawText()]);

        Assert.Equal("serving", figures.GetProperty("state").GetString());
        JsonElement[] models = [.. figures.GetProperty("models").EnumerateArray()];
        Assert.Equal([ServerFixture.Model, ServerFixture.OtherModel], models.Select(model => model.GetProperty("name").GetString()));
        Assert.Equal(["9", "10"], models[0].GetProperty("versions").EnumerateArray().Select(version => version.GetString()));
        Assert.All(models, model =>
        {
            Assert.Equal(0, model.GetProperty("count").GetProperty("images").GetInt64());
            Assert.Equal(JsonValueKind.Null, model.GetProperty("latency").ValueKind);
            Assert.Equal(JsonValueKind.Null, model.GetProperty("count").GetProperty("saved").ValueKind);
            Assert.Equal(4, model.GetProperty("blocks").GetArrayLength());
        });
    }

    [Fact]
    public async Task Measurements_WithThePage_AllocateNothing()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        var load = new FakeLoad(server, "OK");
        long allocated = long.MaxValue;

        // What is compiled anew meanwhile allocates once, in whichever round that is.
        for (int round = 0; round < 5 && allocated > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10_000; i++)
            {
                load.Image(Dense, Dense / 2);
                load.Request("OK", i * 1e-5);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [Fact]
    public async Task Figures_OfAServerThatStartedAnew_BeginANewWindow()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        new FakeLoad(server, "OK").Image(Dense, Dense / 2);
        JsonElement before = await server.FiguresAsync();
        string after = before.GetRawText().Replace($"\"time\":{before.GetProperty("time").GetRawText()}", "\"time\":0", StringComparison.Ordinal);
        JsonElement figures = await WindowAsync(page, [before.GetRawText(), after]);

        Assert.Equal(0, figures.GetProperty("windowSeconds").GetDouble());
        Assert.Equal(1, Model(figures).GetProperty("total").GetProperty("images").GetInt64());
    }

    // By the page's own script, of the server's answers in order.
    private static async Task<JsonElement> WindowAsync(VisitedPage page, List<string> answers) => JsonDocument.Parse(await page.Page.EvaluateAsync<string>(
        """
        async texts => {
          const { keep, readWindow } = await import('/live/window.js');
          return JSON.stringify(readWindow(texts.map(JSON.parse).reduce(keep, [])));
        }
        """,
        answers)).RootElement;

    private static JsonElement Model(JsonElement figures) => figures.GetProperty("models")[0];

    private static void AssertEqual(
        JsonElement figures, int now, List<(int Second, long Planned)> images, List<(int Second, string Status, double Duration)> requests)
    {
        int span = Math.Min(now, Window);
        Assert.Equal(span, figures.GetProperty("windowSeconds").GetDouble());
        JsonElement model = Model(figures);
        long[] planned = [.. images.Where(image => image.Second > now - span).Select(image => image.Planned)];
        JsonElement count = model.GetProperty("count");
        Assert.Equal(planned.Length, count.GetProperty("images").GetInt64());
        Assert.Equal(planned.Length * Dense, count.GetProperty("denseFlops").GetInt64());
        Assert.Equal(planned.Sum(), count.GetProperty("plannedFlops").GetInt64());
        Assert.Equal(1 - ((double)planned.Sum() / (planned.Length * Dense)), count.GetProperty("saved").GetDouble(), 1e-12);
        Assert.Equal((double)planned.Length / span, model.GetProperty("imagesPerSecond").GetDouble(), 1e-9);
        Assert.Equal(images.Sum(image => image.Planned), model.GetProperty("total").GetProperty("plannedFlops").GetInt64());
        Assert.Equal(
            Enumerable.Range(0, 20).Select(step => (long)planned.Count(some => some > Dense / 20 * step && some <= Dense / 20 * (step + 1))),
            model.GetProperty("shares").EnumerateArray().Select(share => share.GetInt64()));

        (int Second, string Status, double Duration)[] inWindow = [.. requests.Where(request => request.Second > now - span)];
        Assert.Equal(
            inWindow.GroupBy(request => request.Status).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => (group.Key, (long)group.Count())),
            model.GetProperty("requests").EnumerateObject().Select(status => (status.Name, status.Value.GetInt64())));
        double[] answered = [.. inWindow.Where(request => request.Status == "OK").Select(request => request.Duration).Order()];
        foreach ((string name, double quantile) in new[] { ("p50", 0.5), ("p95", 0.95), ("p99", 0.99) })
        {
            AssertNear(answered, quantile, model.GetProperty("latency").GetProperty(name));
        }

        JsonElement[] history = [.. model.GetProperty("history").EnumerateArray()];
        Assert.Equal(span, history.Length);
        for (int i = 0; i < span; i++)
        {
            int second = now - span + 1 + i;
            Assert.Equal(images.Count(image => image.Second == second), history[i].GetProperty("imagesPerSecond").GetDouble(), 1e-9);
            AssertNear([.. requests.Where(request => request.Second == second && request.Status == "OK").Select(request => request.Duration).Order()], 0.95, history[i].GetProperty("p95"));
        }
    }

    // By nearest rank, as the page does it; its buckets are 1/16 wide and it names their middle.
    private static void AssertNear(double[] ascending, double quantile, JsonElement milliseconds)
    {
        if (ascending.Length == 0)
        {
            Assert.Equal(JsonValueKind.Null, milliseconds.ValueKind);
            return;
        }

        double exact = ascending[(int)Math.Ceiling(quantile * ascending.Length) - 1] * 1e3;
        Assert.InRange(milliseconds.GetDouble(), exact * 0.968, exact * 1.032);
    }
}
