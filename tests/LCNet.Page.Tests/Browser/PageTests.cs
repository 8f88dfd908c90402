using System.Globalization;
using Google.Protobuf;
using LCNet.Bundles;
using LCNet.V1;
using Microsoft.Playwright;

namespace LCNet.Page.Tests;

/// <summary>What a visitor of the page sees.</summary>
public sealed class PageTests(ChromiumBrowser browser, ShippedServer shipped, ServerFixture models)
{
    private static readonly string Horse = ShippedServer.Photograph("horse", "0014");

    [Fact]
    public async Task Figures_UnderLoad_MoveAndEqualTheReplies()
    {
        using RunningServer server = await RunningServer.StartAsync(models.OneModel, new Dictionary<string, string>(), "--LCNet:ShadowRate=1");
        await using VisitedPage page = await browser.OpenAsync(server);
        Assert.Equal(double.NaN, await page.FigureAsync("p50"));
        Assert.Equal(double.NaN, await page.FigureAsync("agreement"));
        Assert.Equal(0, await page.FigureAsync("total-images"));

        ClassifyResponse[] first = await server.ClassifyManyAsync(60, ServerFixture.Model);
        await AssertShowsAsync(page, first);
        ClassifyResponse[] second = await server.ClassifyManyAsync(40, ServerFixture.Model);
        await AssertShowsAsync(page, [.. first, .. second]);

        double p50 = await page.FigureAsync("p50");
        Assert.InRange(p50, 0.001, await page.FigureAsync("p95"));
        Assert.InRange(await page.FigureAsync("p95"), p50, await page.FigureAsync("p99"));
        Assert.True(await page.FigureAsync("rate") > 0);
        Assert.Equal("1.00", await page.TextAsync("effort"));
        Assert.Contains(ServerFixture.Model, await page.Page.InnerTextAsync("header"), StringComparison.Ordinal);
        Assert.Contains("version 3", await page.TextAsync("model-detail"), StringComparison.Ordinal);
        Assert.Contains("100 images", await page.TextAsync("spread-text"), StringComparison.Ordinal);
        await AssertShowsAgreementAsync(page, server);
    }

    [Fact]
    public async Task Image_Chosen_ShowsThePlanThatTheServerRan()
    {
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        await page.ChooseAsync(Horse);

        await AssertShowsPlanAsync(page, await ReplyAsync(Horse, 1), await shipped.PlanAsync(Horse, 1));
        await page.UntilAsync("!document.getElementById('preview').hidden");
    }

    [Fact]
    public async Task Image_AtLessEffort_ShowsTheSmallerPlan()
    {
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        await page.ChooseAsync(Horse);
        double before = await page.FigureAsync("bill-planned");

        await page.Page.FocusAsync("#dial");
        for (int step = 0; step < 15; step++)
        {
            await page.Page.Keyboard.PressAsync("ArrowLeft");
        }

        Assert.Equal("0.25", await page.TextAsync("dial-value"));
        Assert.Contains("ms an image where the bundle was timed", await page.TextAsync("dial-text"), StringComparison.Ordinal);
        await page.UntilAsync("document.getElementById('answer-text').textContent.includes('effort 0.25')");
        await AssertShowsPlanAsync(page, await ReplyAsync(Horse, 0.25), await shipped.PlanAsync(Horse, 0.25));
        Assert.True(await page.FigureAsync("bill-planned") < before);
    }

    [Fact]
    public async Task Image_Dropped_IsClassified()
    {
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        string bytes = Convert.ToBase64String(await File.ReadAllBytesAsync(Horse, TestContext.Current.CancellationToken));
        IJSHandle dropped = await page.Page.EvaluateHandleAsync(
            """
            bytes => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0))], 'horse.jpg', { type: 'image/jpeg' }));
              return transfer;
            }
            """,
            bytes);
        await page.Page.DispatchEventAsync("#drop", "drop", new { dataTransfer = dropped });
        await page.AnsweredAsync();

        Assert.StartsWith("horse", await page.TextAsync("answer-text"), StringComparison.Ordinal);
        Assert.Equal((await ReplyAsync(Horse, 1)).Compute.PlannedFlops, await page.FigureAsync("bill-planned"));
    }

    [Fact]
    public async Task File_ThatIsNoImage_IsRefusedInWordsAndItsNameStaysText()
    {
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.FullName, "<img src=x onerror=document.title=1>.png");
        await File.WriteAllTextAsync(file, "<script>document.title=1</script>", TestContext.Current.CancellationToken);
        await using VisitedPage page = await browser.OpenAsync(shipped.Server);
        await page.ChooseAsync(Horse);

        await page.Page.SetInputFilesAsync("#file", file);
        await page.UntilAsync("!document.getElementById('problem').hidden");

        Assert.Equal("encoded_image: the image is not a readable JPEG, PNG, WebP or BMP file", await page.TextAsync("problem"));
        Assert.Equal(Path.GetFileName(file), await page.TextAsync("drop-text"));
        Assert.Equal("LCNet.Serving", await page.Page.TitleAsync());
        Assert.False(await page.Page.IsVisibleAsync("#plan"));

        // That the server refuses is no fault of the page.
        Assert.All(page.Complaints, complaint => Assert.Contains("400", complaint, StringComparison.Ordinal));
        page.Complaints.Clear();
        await page.ChooseAsync(Horse);
        Assert.True(await page.Page.IsVisibleAsync("#plan"));
        Assert.False(await page.Page.IsVisibleAsync("#problem"));
    }

    [Fact]
    public async Task Models_Several_AreChosenFromAList()
    {
        using RunningServer server = await RunningServer.StartAsync(models.SeveralModels, new Dictionary<string, string>());
        await using VisitedPage page = await browser.OpenAsync(server);
        ClassifyResponse[] alpha = await server.ClassifyManyAsync(20, ServerFixture.Model);
        ClassifyResponse[] beta = await server.ClassifyManyAsync(30, ServerFixture.OtherModel);
        Assert.Contains("version 9, 10", await page.TextAsync("model-detail"), StringComparison.Ordinal);
        await AssertShowsAsync(page, alpha);

        await page.Page.SelectOptionAsync("#model", ServerFixture.OtherModel);

        await AssertShowsAsync(page, beta);
        await page.ChooseAsync(Horse);
        ClassifyResponse reply = await server.ClassifyAsync(Request(Horse, 1, ServerFixture.OtherModel));
        Assert.Equal(reply.Compute.PlannedFlops, await page.FigureAsync("bill-planned"));
    }

    [Fact]
    public async Task Server_ThatIsGone_IsSaidToBe()
    {
        VisitedPage page;
        using (RunningServer server = await RunningServer.StartAsync(models.OneModel, new Dictionary<string, string>()))
        {
            page = await browser.OpenAsync(server);
        }

        await page.UntilAsync("document.getElementById('state').textContent === 'No answer'");
        page.Complaints.Clear();
        await page.DisposeAsync();
    }

    private static ClassifyRequest Request(string file, double effort, string model = "") =>
        new() { EncodedImage = ByteString.CopyFrom(File.ReadAllBytes(file)), Effort = effort, Model = model };

    private static async Task AssertShowsAsync(VisitedPage page, ClassifyResponse[] replies)
    {
        await page.UntilAsync(string.Create(CultureInfo.InvariantCulture, $"document.getElementById('total-images').value == {replies.Length}"));
        double dense = replies.Sum(reply => reply.Compute.DenseFlops);
        double saved = 1 - (replies.Sum(reply => reply.Compute.PlannedFlops) / dense);
        Assert.Equal(saved, await page.FigureAsync("total-saved"), 1e-9);
        Assert.Equal(saved, await page.FigureAsync("saved"), 1e-9);
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{saved * 100:0.0} %"), await page.TextAsync("saved"));
        Assert.Equal(dense / replies.Length, await page.FigureAsync("dense"), 1e-3);

        // A request is counted when its reply is on its way, which is a little later than its image is.
        await page.UntilAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"[...document.querySelectorAll('#requests tr')].some(row => row.cells[0].textContent === 'OK' && row.dataset.requests == {replies.Length})"));
        for (int block = 0; block < replies[0].Compute.Blocks.Count; block++)
        {
            ILocator item = page.Page.Locator("#blocks li").Nth(block);
            BlockCompute[] bills = [.. replies.Select(reply => reply.Compute.Blocks[block])];
            int run = bills.Count(bill => bill.Executed);
            Assert.Equal(run.ToString(CultureInfo.InvariantCulture), await item.GetAttributeAsync("data-executions"));
            Assert.Equal((bills.Length - run).ToString(CultureInfo.InvariantCulture), await item.GetAttributeAsync("data-skips"));
            string mean = run == 0 ? "–" : Math.Floor((bills.Sum(bill => bill.ChannelsRetained) / (double)run) + 0.5).ToString(CultureInfo.InvariantCulture);
            Assert.Contains($"{mean} of {bills[0].ChannelsTotal}", await item.InnerTextAsync(), StringComparison.Ordinal);
        }
    }

    // Of 100 images, all of which were sampled.
    private static async Task AssertShowsAgreementAsync(VisitedPage page, RunningServer server)
    {
        Exposition metrics = await Eventually.GetAsync(
            () => Exposition.GetAsync(server.Http), found => found.Sum("lcnet_shadow_images_total") + found.Sum("lcnet_shadow_drops_total") == 100);
        double images = metrics.Sum("lcnet_shadow_images_total");
        Assert.InRange(images, 1, 100);
        await page.UntilAsync(string.Create(CultureInfo.InvariantCulture, $"document.getElementById('agreement-images').value == {images}"));
        double share = metrics.Sum("lcnet_shadow_agreements_total") / images;
        Assert.Equal(share, await page.FigureAsync("agreement"), 1e-9);
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.0} %"), await page.TextAsync("agreement"));
        Assert.Equal(0.95, await page.FigureAsync("agreement-expected"), 1e-9);
        Assert.InRange(await page.FigureAsync("agreement-margin"), 0.5 / images, 0.5);
    }

    private static async Task AssertShowsPlanAsync(VisitedPage page, ClassifyResponse reply, ImagePlan plan)
    {
        Assert.Equal(reply.Compute.PlannedFlops, await page.FigureAsync("bill-planned"));
        Assert.Equal(reply.Compute.DenseFlops, await page.FigureAsync("bill-dense"));
        Assert.Equal(reply.Predictions.Select(prediction => prediction.Label), await page.Page.Locator("#predictions .label").AllInnerTextsAsync());
        Assert.Equal(plan.Blocks, await page.Page.Locator("#plan li").CountAsync());
        for (int block = 0; block < plan.Blocks; block++)
        {
            BlockCompute bill = reply.Compute.Blocks[block];
            ILocator row = page.Page.Locator("#plan li").Nth(block);
            Assert.Equal(string.Join(' ', plan.Kept(block).ToArray()), await row.GetAttributeAsync("data-kept"));
            Assert.Equal(bill.ChannelsRetained, plan.Kept(block).Length);
            string said = bill.Executed ? $"{bill.ChannelsRetained} of {bill.ChannelsTotal}" : "skipped";
            Assert.Equal(said, await row.Locator(".said").InnerTextAsync());

            // A closed cell a channel.
            Assert.Equal(bill.ChannelsRetained, await CellsAsync(row, "on"));
            Assert.Equal(bill.ChannelsTotal - bill.ChannelsRetained, await CellsAsync(row, "off"));
        }
    }

    private static async Task<int> CellsAsync(ILocator row, string which) =>
        (await row.Locator($"path.{which}").GetAttributeAsync("d") ?? string.Empty).Count(letter => letter == 'z');

    private Task<ClassifyResponse> ReplyAsync(string file, double effort) => shipped.Server.ClassifyAsync(Request(file, effort));
}
