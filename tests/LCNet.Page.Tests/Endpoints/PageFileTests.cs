using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace LCNet.Page.Tests;

/// <summary>The page's files.</summary>
public sealed partial class PageFileTests(ServerFixture fixture)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Page_EveryFileThatItNames_IsServedWithAStrictPolicy()
    {
        var seen = new HashSet<string>();
        var left = new Queue<string>(["/"]);
        while (left.TryDequeue(out string? path))
        {
            if (!seen.Add(path))
            {
                continue;
            }

            using HttpResponseMessage response = await fixture.One.Http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'self';", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
            foreach (Match named in Named().Matches(await response.Content.ReadAsStringAsync(Cancellation)))
            {
                left.Enqueue($"/live/{named.Groups["file"].Value}");
            }
        }

        Assert.Superset(new HashSet<string> { "/", "/live/page.css", "/live/page.js", "/live/icon.svg", "/live/plan.js" }, seen);
    }

    [Fact]
    public async Task Page_SeenBefore_IsNotSentAgain()
    {
        using HttpResponseMessage first = await fixture.One.Http.GetAsync(new Uri("/", UriKind.Relative), Cancellation);
        using var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using HttpResponseMessage second = await fixture.One.Http.SendAsync(again, Cancellation);
        using var head = new HttpRequestMessage(HttpMethod.Head, "/");
        using HttpResponseMessage third = await fixture.One.Http.SendAsync(head, Cancellation);

        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Empty(await second.Content.ReadAsByteArrayAsync(Cancellation));
        Assert.Equal(HttpStatusCode.OK, third.StatusCode);
        Assert.Equal(first.Content.Headers.ContentLength, third.Content.Headers.ContentLength);
        Assert.Equal(new CacheControlHeaderValue { NoCache = true }, first.Headers.CacheControl);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/live/page.js")]
    [InlineData("/live/figures")]
    public async Task Page_TurnedOff_IsNotThere(string path)
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Page=false");
        using HttpResponseMessage response = await server.Http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        using HttpResponseMessage posted = await server.Http.PostAsync(new Uri(path, UriKind.Relative), new ByteArrayContent([1]), Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, posted.StatusCode);
        await server.ClassifyAsync(TestImages.Png(1));
    }

    [Theory]
    [InlineData("/live/../appsettings.json")]
    [InlineData("/live/index.html")]
    [InlineData("/appsettings.json")]
    [InlineData("/live/nothing.js")]
    public async Task OtherPaths_AreNotThere(string path)
    {
        using HttpResponseMessage response = await fixture.One.Http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    // Imports and links; a page's own paths, and those of modules to their neighbours.
    [GeneratedRegex(@"(?:from '\./|(?:src|href)=""live/)(?<file>[\w.]+)")]
    private static partial Regex Named();
}
