using Google.Protobuf;
using LCNet.Bundles;
using LCNet.V1;
using Microsoft.Playwright;
using SkiaSharp;

namespace LCNet.Page.Tests;

/// <summary>
/// Takes the pictures of the documentation: into the folder that <c>LCNET_PICTURES</c> names after a load that is worth a picture, otherwise after
/// a short one and for nobody, so that taking them does not stop working unseen.
/// </summary>
public sealed class PictureTests(ChromiumBrowser browser, ShippedServer shipped)
{
    private static readonly string Folder = Environment.GetEnvironmentVariable("LCNET_PICTURES") ?? string.Empty;

    private static readonly (string Name, int Width, ColorScheme Scheme)[] Pictures =
    [
        ("light", 1100, ColorScheme.Light),
        ("dark", 1100, ColorScheme.Dark),
        ("phone", 390, ColorScheme.Light),
        ("phone-dark", 360, ColorScheme.Dark),
    ];

    [Fact]
    public async Task Page_InUse_IsPictured()
    {
        using var nobody = new TemporaryFolder();

        // A page shows what has happened since it was opened.
        var pages = new List<VisitedPage>();
        foreach ((_, int width, ColorScheme scheme) in Pictures)
        {
            pages.Add(await browser.OpenAsync(
                shipped.Server, new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = 900 }, ColorScheme = scheme }));
        }

        await LoadAsync(seconds: Folder.Length > 0 ? 60 : 2);
        foreach (((string name, int width, ColorScheme scheme), VisitedPage opened) in Pictures.Zip(pages))
        {
            string file = Path.Combine(Folder.Length > 0 ? Folder : nobody.FullName, $"{name}.png");
            await using VisitedPage page = opened;
            await page.ChooseAsync(ShippedServer.Photograph("horse", "0015"));
            await page.Page.ScreenshotAsync(new PageScreenshotOptions { Path = file, FullPage = true });

            using SKBitmap picture = SKBitmap.Decode(file);
            Assert.Equal(width, picture.Width);
            Assert.Equal(scheme == ColorScheme.Dark, picture.GetPixel(0, 0).Red < 128);
        }
    }

    private async Task LoadAsync(int seconds)
    {
        string[] files = Directory.GetFiles(RepositoryFiles.Of("tests", "data", "cifar10"), "*.jpg", SearchOption.AllDirectories);
        var random = new Random(1);
        for (int second = 0; second < seconds; second++)
        {
            for (int left = 5 + (5 * random.Next(4)); left > 0; left--)
            {
                byte[] image = await File.ReadAllBytesAsync(files[random.Next(files.Length)], TestContext.Current.CancellationToken);
                await shipped.Server.ClassifyAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(image) });
            }

            await Task.Delay(TimeSpan.FromSeconds(0.9), TestContext.Current.CancellationToken);
        }
    }
}
