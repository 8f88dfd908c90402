using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Playwright;

namespace LCNet.Page.Tests;

/// <summary>The live page in a browser. Disposing it fails the test where the page complained or asked for anything that is not its server's.</summary>
internal sealed class VisitedPage : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly ConcurrentQueue<string> _complaints = new();

    private VisitedPage(IBrowserContext context, IPage page, Uri server)
    {
        _context = context;
        Page = page;
        page.Console += (_, message) => Complain(message.Type is "error" or "warning", $"console: {message.Text}");
        page.PageError += (_, error) => Complain(true, $"page: {error}");
        context.Request += (_, request) => Complain(!IsOf(server, request.Url), $"request: {request.Url}");
        context.Response += (_, response) => Complain(response.Status >= 400, $"response: {response.Status} {response.Url}");
    }

    public IPage Page { get; }

    /// <summary>What the page complained of so far.</summary>
    public ConcurrentQueue<string> Complaints => _complaints;

    public static async Task<VisitedPage> OpenAsync(IBrowserContext context, Uri server)
    {
        var visited = new VisitedPage(context, await context.NewPageAsync(), server);
        await visited.Page.GotoAsync(server.ToString());
        await visited.UntilAsync("document.getElementById('state').dataset.state === 'serving'");
        return visited;
    }

    /// <summary>Waits until an expression is true in the page.</summary>
    public async Task UntilAsync(string expression) =>
        await Page.WaitForFunctionAsync($"() => {expression}", null, new PageWaitForFunctionOptions { Timeout = 60_000 });

    /// <summary>The value behind a figure.</summary>
    public async Task<double> FigureAsync(string id)
    {
        string value = await Page.EvalOnSelectorAsync<string>($"#{id}", "data => data.value");
        return value.Length == 0 ? double.NaN : double.Parse(value, CultureInfo.InvariantCulture);
    }

    /// <summary>What a visitor reads, with plain spaces.</summary>
    public async Task<string> TextAsync(string id) => (await Page.InnerTextAsync($"#{id}")).Replace('\u00a0', ' ');

    /// <summary>Chooses a file, and waits for the answer.</summary>
    public async Task ChooseAsync(params string[] files)
    {
        await Page.SetInputFilesAsync("#file", files);
        await AnsweredAsync();
    }

    /// <summary>Waits until the server has answered for the image that was chosen.</summary>
    public Task AnsweredAsync() =>
        UntilAsync("document.getElementById('answer').getAttribute('aria-busy') === 'false'");

    public async ValueTask DisposeAsync()
    {
        await _context.CloseAsync();
        Assert.Empty(_complaints);
    }

    // The picture that a visitor chose is shown from memory.
    private static bool IsOf(Uri server, string url) =>
        url.StartsWith($"blob:{server.Scheme}://{server.Authority}/", StringComparison.Ordinal) || url.StartsWith(server.ToString(), StringComparison.Ordinal);

    private void Complain(bool really, string complaint)
    {
        if (really)
        {
            _complaints.Enqueue(complaint);
        }
    }
}
