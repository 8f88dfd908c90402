using System.Globalization;
using System.Net;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Page.Tests;

/// <summary>What <c>POST /v1/classify</c> answers, next to the gRPC call.</summary>
public sealed class ClassifyEndpointTests(ServerFixture fixture)
{
    private static readonly byte[] Png = TestImages.Encode(SKEncodedImageFormat.Png, 5);

    [Theory]
    [InlineData(null)]
    [InlineData(0.3)]
    public async Task Classify_Image_EqualsTheGrpcReply(double? effort)
    {
        ClassifyRequest request = TestImages.Png(5);
        string query = string.Empty;
        if (effort is { } value)
        {
            request.Effort = value;
            query = "?effort=0.3";
        }

        ClassifyResponse expected = await fixture.One.ClassifyAsync(request);
        (HttpStatusCode status, JsonElement json) = await fixture.One.ClassifyAsync(Png, query.Length == 0 ? "?include_plan=true" : $"{query}&include_plan=true");

        Assert.Equal(HttpStatusCode.OK, status);
        ClassifyResponse reply = JsonParser.Default.Parse<ClassifyResponse>(json.GetRawText());
        foreach (BlockCompute block in reply.Compute.Blocks)
        {
            Assert.Equal(block.ChannelsRetained, block.Channels.Count);
            Assert.Equal(block.Channels.Distinct().Order(), block.Channels);
            Assert.All(block.Channels, channel => Assert.InRange(channel, 0, block.ChannelsTotal - 1));
            Assert.Equal(block.Executed, block.Scale > 0);
            block.Channels.Clear();
            block.Scale = 0;
        }

        // The times of two runs differ.
        (reply.Compute.QueueUs, reply.Compute.ExecuteUs) = (expected.Compute.QueueUs, expected.Compute.ExecuteUs);
        Assert.Equal(expected, reply);
    }

    [Fact]
    public async Task Classify_NamedVersion_AnswersWithIt()
    {
        (HttpStatusCode status, JsonElement reply) = await fixture.Several.ClassifyAsync(Png, $"?model={ServerFixture.Model}&version=9");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("9", reply.GetProperty("version").GetString());
    }

    [Theory]
    [InlineData("?effort=2", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "effort", "effort: 2 is outside (0, 1]")]
    [InlineData("?effort=0", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "effort", "effort: 0 is outside (0, 1]")]
    [InlineData("?effort=NaN", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "effort", "effort: NaN is outside (0, 1]")]
    [InlineData("?effort=much", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "effort", "effort: 'much' is not a number")]
    [InlineData("?max_flops=1", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "max_flops", null)]
    [InlineData("?max_flops=1.5", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "max_flops", "max_flops: '1.5' is not a whole number of 64 bits")]
    [InlineData("?top_k=0", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "top_k", null)]
    [InlineData("?include_plan=1", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "include_plan", "include_plan: '1' is not true or false")]
    [InlineData("?efort=1", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "query", "query: there is no parameter 'efort'; model, version, effort, max_flops, top_k, id, include_plan, verify are taken")]
    [InlineData("?effort=1&effort=1", HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "effort", null)]
    [InlineData("?model=gamma", HttpStatusCode.NotFound, "NOT_FOUND", "model", "model: there is no model 'gamma'; served: alpha")]
    [InlineData("?version=7", HttpStatusCode.NotFound, "NOT_FOUND", "version", "version: there is no version '7' of 'alpha'; served: 3")]
    public async Task Classify_WrongQuery_IsRefusedAndNamed(string query, HttpStatusCode status, string title, string field, string? detail) =>
        PageServer.AssertProblem(await fixture.One.ClassifyAsync(Png, query), status, title, field, detail);

    [Fact]
    public async Task Classify_NoModelNamedOfSeveral_IsRefused() => PageServer.AssertProblem(
        await fixture.Several.ClassifyAsync(Png),
        HttpStatusCode.BadRequest,
        "INVALID_ARGUMENT",
        "model",
        "model: is empty, but there are several models: alpha, beta");

    [Fact]
    public async Task Classify_UnreadableImages_AreRefusedInTheWordsOfGrpc()
    {
        byte[][] files = [[], "<html>"u8.ToArray(), Png[..^200], TestImages.PngBomb(100_000, 100_000)];
        foreach (byte[] file in files)
        {
            Status expected = await fixture.One.StatusOfAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(file) });
            Assert.Equal(StatusCode.InvalidArgument, expected.StatusCode);

            PageServer.AssertProblem(
                await fixture.One.ClassifyAsync(file), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "encoded_image", expected.Detail);
        }
    }

    [Fact]
    public async Task Classify_TooLarge_IsRefusedBeforeItIsReadWhole()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxImageBytes=1000");
        byte[] large = new byte[2000];
        (HttpStatusCode, JsonElement) declared = await server.ClassifyAsync(large);
        using var unsized = new StreamContent(new UnsizedStream(large));
        unsized.Headers.ContentType = new("image/png");
        (HttpStatusCode, JsonElement) chunked = await server.PostAsync(unsized);
        using var exact = new StreamContent(new UnsizedStream(large[..1000]));
        exact.Headers.ContentType = new("image/png");
        (HttpStatusCode, JsonElement) atLimit = await server.PostAsync(exact);

        Status grpc = await server.StatusOfAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(large) });
        PageServer.AssertProblem(declared, HttpStatusCode.RequestEntityTooLarge, "INVALID_ARGUMENT", "encoded_image", grpc.Detail);
        PageServer.AssertProblem(
            chunked, HttpStatusCode.RequestEntityTooLarge, "INVALID_ARGUMENT", "encoded_image", "encoded_image: the image has more than 1000 bytes, the limit");
        PageServer.AssertProblem(
            atLimit, HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "encoded_image", "encoded_image: the image is not a readable JPEG, PNG, WebP or BMP file");
    }

    [Fact]
    public async Task Classify_LargeImageWithoutLength_IsRead()
    {
        byte[] file = TestImages.Encode(SKEncodedImageFormat.Png, 3, side: 256);
        Assert.True(file.Length > 150_000);
        using var content = new StreamContent(new UnsizedStream(file));
        content.Headers.ContentType = new("application/octet-stream");

        (HttpStatusCode status, JsonElement reply) = await fixture.One.PostAsync(content);

        ClassifyResponse expected = await fixture.One.ClassifyAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(file) });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(expected.Compute.PlannedFlops, long.Parse(reply.GetProperty("compute").GetProperty("plannedFlops").GetString()!, CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/json")]
    [InlineData("multipart/mixed; boundary=x")]
    public async Task Classify_OtherContent_IsRefused(string type)
    {
        (HttpStatusCode status, JsonElement problem) = await fixture.One.ClassifyAsync(Png, type: type);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, status);
        Assert.Equal("content-type", problem.GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("image/webp")]
    [InlineData("application/octet-stream")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task Classify_ContentThatCanHoldAnImage_IsAnswered(string type) =>
        Assert.Equal(HttpStatusCode.OK, (await fixture.One.ClassifyAsync(Png, type: type)).Status);

    [Fact]
    public async Task Classify_Form_EqualsTheBody()
    {
        using var form = new MultipartFormDataContent { { new ByteArrayContent(Png), "image", "a cat.png" } };
        (HttpStatusCode status, JsonElement reply) = await fixture.One.PostAsync(form);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal((await fixture.One.ClassifyAsync(Png)).Answer.GetProperty("predictions").GetRawText(), reply.GetProperty("predictions").GetRawText());
    }

    [Fact]
    public async Task Classify_WrongForms_AreRefusedAndNamed()
    {
        using var other = new MultipartFormDataContent { { new ByteArrayContent(Png), "file", "a.png" } };
        using var twice = new MultipartFormDataContent { { new ByteArrayContent(Png), "image", "a.png" }, { new ByteArrayContent(Png), "image", "b.png" } };
        using var cut = new ByteArrayContent("--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nabc"u8.ToArray());
        cut.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse("multipart/form-data; boundary=x");
        using var unbounded = new ByteArrayContent(Png);
        unbounded.Headers.ContentType = new("multipart/form-data");

        PageServer.AssertProblem(await fixture.One.PostAsync(other), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "encoded_image", "encoded_image: the form has the part 'file'; it takes one, image");
        PageServer.AssertProblem(await fixture.One.PostAsync(twice), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "encoded_image", "encoded_image: the form has the part 'image' twice; it takes one, image");
        Assert.Equal(HttpStatusCode.BadRequest, (await fixture.One.PostAsync(cut)).Status);
        PageServer.AssertProblem(await fixture.One.PostAsync(unbounded), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", "encoded_image", "encoded_image: the form has no boundary");
    }

    [Fact]
    public async Task Classify_ImageOfAFormThatIsTooLarge_IsRefused()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxImageBytes=1000");
        using var form = new MultipartFormDataContent { { new ByteArrayContent(new byte[1001]), "image", "a.png" } };

        PageServer.AssertProblem(
            await server.PostAsync(form), HttpStatusCode.RequestEntityTooLarge, "INVALID_ARGUMENT", "encoded_image", "encoded_image: the image has 1001 bytes; the limit is 1000");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Classify_Gzip_IsDecompressedUpToTheLimit(bool fits)
    {
        byte[] file = fits ? Png : new byte[11 * 1024 * 1024];
        using var packed = new MemoryStream();
        await using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync(file, TestContext.Current.CancellationToken);
        }

        using var content = new ByteArrayContent(packed.ToArray());
        content.Headers.ContentType = new("image/png");
        content.Headers.ContentEncoding.Add("gzip");

        Assert.Equal(fits ? HttpStatusCode.OK : HttpStatusCode.RequestEntityTooLarge, (await fixture.One.PostAsync(content)).Status);
    }

    [Fact]
    public async Task Classify_FromAPageOfAnotherServer_IsRefused()
    {
        using var content = new ByteArrayContent(Png);
        content.Headers.ContentType = new("image/png");
        content.Headers.Add("Sec-Fetch-Site", "cross-site");

        Assert.Equal(HttpStatusCode.Forbidden, (await fixture.One.PostAsync(content)).Status);
    }

    [Fact]
    public async Task Classify_ByGet_IsNotAllowed()
    {
        using HttpResponseMessage response = await fixture.One.Http.GetAsync(new Uri("/v1/classify", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(["POST"], response.Content.Headers.Allow);
    }

    [Fact]
    public async Task Classify_NoRoomToWait_IsRefusedAsByGrpc()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "MaxQueue=0");
        (HttpStatusCode Status, JsonElement Answer)[] replies = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => server.ClassifyAsync(Png)));

        Assert.Contains(replies, reply => reply.Status == HttpStatusCode.OK);
        (HttpStatusCode, JsonElement)[] refused = [.. replies.Where(reply => reply.Status != HttpStatusCode.OK)];
        Assert.NotEmpty(refused);
        Assert.All(refused, reply => PageServer.AssertProblem(
            reply, HttpStatusCode.TooManyRequests, "RESOURCE_EXHAUSTED", null, "the queue is full: 0 images are waiting"));
    }
}
