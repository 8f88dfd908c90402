using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(LCNet.Page.Tests.ChromiumBrowser))]

namespace LCNet.Page.Tests;

/// <summary>The machine's Chromium, started once for all tests; where there is none, those that need it are skipped.</summary>
public sealed class ChromiumBrowser : IAsyncLifetime
{
    private const string Program = "chromium";
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        if (!Tool.IsInstalled(Program))
        {
            return;
        }

        string folder = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).First(folder => File.Exists(Path.Combine(folder, Program)));
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Path.Combine(folder, Program),

            // Containers run tests as root, whom Chromium's sandbox refuses.
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic"],
        });
    }

    /// <summary>Opens a server's page as a visitor with nothing remembered.</summary>
    internal async Task<VisitedPage> OpenAsync(RunningServer server, BrowserNewContextOptions? options = null)
    {
        Assert.SkipUnless(_browser is not null, "chromium is not installed; the Debian package chromium has it.");
        IBrowserContext context = await _browser.NewContextAsync(options ?? new BrowserNewContextOptions());
        return await VisitedPage.OpenAsync(context, server.HttpAddress);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}
