using Microsoft.Playwright;

namespace LCNet.Page.Tests;

/// <summary>That everybody can use the page: small screens, dark rooms, keyboards, readers.</summary>
public sealed class AccessTests(ChromiumBrowser browser, ShippedServer shipped)
{
    private static readonly string Ship = ShippedServer.Photograph("ship", "0003");

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(768, ColorScheme.Light)]
    [InlineData(1280, ColorScheme.Dark)]
    public async Task Page_AnyScreen_FitsAndIsLegible(int width, ColorScheme scheme)
    {
        await using VisitedPage page = await browser.OpenAsync(
            shipped.Server, new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = 740 }, ColorScheme = scheme });
        await page.ChooseAsync(Ship);
        await page.UntilAsync("document.getElementById('total-images').value > 0");

        Assert.Empty(await page.Page.EvaluateAsync<string[]>(
            """
            () => [...document.querySelectorAll('body *:not(.unseen, .skip)')]
              .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
              .map(element => element.outerHTML.slice(0, 80))
            """));
        Assert.True(await page.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"));
        string ground = await page.Page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor");
        Assert.Equal(scheme == ColorScheme.Dark ? "rgb(16, 22, 21)" : "rgb(246, 247, 247)", ground);
        Assert.Empty(await page.Page.EvaluateAsync<string[]>(Contrast));
    }

    [Fact]
    public async Task DropZone_ByKeyboard_IsReachedSeenAndOpened()
    {
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);

        // The browser learns a little later that somebody waits for choosers, so this comes first.
        var opened = new TaskCompletionSource<IFileChooser>();
        page.Page.FileChooser += (_, chooser) => opened.TrySetResult(chooser);
        for (int press = 0; press < 8 && await ActiveAsync(page) != "file"; press++)
        {
            await page.Page.Keyboard.PressAsync("Tab");
        }

        Assert.Equal("file", await ActiveAsync(page));
        Assert.Equal("solid", await page.Page.EvalOnSelectorAsync<string>("#drop", "drop => getComputedStyle(drop).outlineStyle"));
        await page.Page.Keyboard.PressAsync("Enter");
        IFileChooser chooser = await opened.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        await chooser.SetFilesAsync(Ship);
        await page.AnsweredAsync();

        Assert.True(await page.Page.IsVisibleAsync("#plan"));
        await page.Page.Keyboard.PressAsync("Tab");
        Assert.Equal("dial", await ActiveAsync(page));
    }

    [Fact]
    public async Task SkipLink_FirstStop_LeadsToTheDropZone()
    {
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        await page.Page.Keyboard.PressAsync("Tab");
        await page.Page.Keyboard.PressAsync("Enter");
        await page.Page.Keyboard.PressAsync("Tab");

        Assert.Equal("file", await ActiveAsync(page));
    }

    [Fact]
    public async Task Page_ForReaders_HasNamesHeadingsAndLiveRegions()
    {
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        await page.ChooseAsync(Ship);

        Assert.Equal("en", await page.Page.GetAttributeAsync("html", "lang"));
        Assert.Equal(1, await page.Page.Locator("h1").CountAsync());
        Assert.Equal(1, await page.Page.Locator("main").CountAsync());
        Assert.Equal(1, await page.Page.GetByRole(AriaRole.Slider, new PageGetByRoleOptions { Name = "Effort" }).CountAsync());
        Assert.Equal(1, await page.Page.GetByLabel("Drop an image, or choose one").CountAsync());
        Assert.Empty(await page.Page.EvaluateAsync<string[]>(
            """
            () => [...document.querySelectorAll('svg[role=img], [role=img], section, img:not([alt])')]
              .filter(element => !element.getAttribute('aria-label') && !element.getAttribute('aria-labelledby'))
              .map(element => element.outerHTML.slice(0, 80))
            """));
        Assert.Equal(["state", "spoken", "answer-text"], await page.Page.EvaluateAsync<string[]>(
            "() => [...document.querySelectorAll('[role=status]')].map(element => element.id)"));
        await page.UntilAsync("document.getElementById('spoken').textContent.length > 0");
        Assert.Empty(await page.Page.EvaluateAsync<string[]>(
            "() => [...document.querySelectorAll('[id]')].map(element => element.id).filter((id, i, all) => all.indexOf(id) !== i)"));
    }

    [Fact]
    public async Task Page_ReducedMotion_DoesNotMove()
    {
        await using VisitedPage page = await browser.OpenAsync(shipped.Server, new BrowserNewContextOptions { ReducedMotion = ReducedMotion.Reduce });

        Assert.Equal("0s", await page.Page.EvalOnSelectorAsync<string>("#planned-bar span", "bar => getComputedStyle(bar).transitionDuration"));
    }

    // Texts whose contrast with what is behind them is below 4.5, the least that WCAG asks of small ones.
    private const string Contrast =
        """
        () => {
          const channels = color => color.match(/[\d.]+/g).map(Number);
          const light = color => channels(color).slice(0, 3)
            .map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
            .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
          const behind = element => {
            const color = getComputedStyle(element).backgroundColor;
            return (channels(color)[3] ?? 1) > 0 || !element.parentElement ? color : behind(element.parentElement);
          };
          const poor = [];
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            if (texts.currentNode.textContent.trim() && element.getClientRects().length > 0) {
              const [dark, bright] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => a - b);
              const ratio = (bright + 0.05) / (dark + 0.05);
              if (ratio < 4.5) {
                poor.push(`${texts.currentNode.textContent.trim()}: ${ratio.toFixed(2)}`);
              }
            }
          }
          return poor;
        }
        """;

    private static Task<string> ActiveAsync(VisitedPage page) => page.Page.EvaluateAsync<string>("() => document.activeElement.id");
}
