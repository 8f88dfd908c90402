using System.Net;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Page.Tests;

/// <summary>What <c>POST /live/classify</c> answers, next to the gRPC call.</summary>
public sealed class LiveClassifyTests(ServerFixture fixture)
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
        (HttpStatusCode status, JsonElement reply) = await fixture.One.ClassifyAsync(Png, query);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(expected.Model, reply.GetProperty("model").GetString());
        Assert.Equal(expected.Version, reply.GetProperty("version").GetString());
        Assert.Equal(expected.Compute.Effort, reply.GetProperty("effort").GetDouble());
        Assert.Equal(expected.Compute.DenseFlops, reply.GetProperty("denseFlops").GetInt64());
        Assert.Equal(expected.Compute.PlannedFlops, reply.GetProperty("plannedFlops").GetInt64());
        Assert.Equal(expected.Compute.ExecutedFlops, reply.GetProperty("executedFlops").GetInt64());
        Assert.Equal(expected.Compute.GateFlops, reply.GetProperty("gateFlops").GetInt64());
        Assert.Equal(
            expected.Predictions.Select(prediction => (prediction.Label, prediction.Index, prediction.Probability)),
            reply.GetProperty("predictions").EnumerateArray().Select(prediction => (
                prediction.GetProperty("label").GetString()!, prediction.GetProperty("index").GetInt32(), prediction.GetProperty("probability").GetSingle())));
        Assert.Equal(
            expected.Compute.Blocks.Select(block => (block.Executed, block.ChannelsRetained, block.ChannelsTotal)),
            reply.GetProperty("blocks").EnumerateArray().Select(Block));
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
    [InlineData("?model=gamma", HttpStatusCode.NotFound, "NOT_FOUND", "model", "model: there is no model 'gamma'; served: alpha")]
    [InlineData("?version=7", HttpStatusCode.NotFound, "NOT_FOUND", "version", "version: there is no version '7' of 'alpha'; served: 3")]
    public async Task Classify_WrongQuery_IsRefusedAndNamed(string query, HttpStatusCode status, string title, string field, string detail) =>
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
        Assert.Equal(expected.Compute.PlannedFlops, reply.GetProperty("plannedFlops").GetInt64());
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    public async Task Classify_OtherContent_IsRefused(string type) =>
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await fixture.One.ClassifyAsync(Png, type: type)).Status);

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
        using HttpResponseMessage response = await fixture.One.Http.GetAsync(new Uri("/live/classify", UriKind.Relative), TestContext.Current.CancellationToken);

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

    private static (bool Run, int Kept, int Channels) Block(JsonElement block)
    {
        int channels = block.GetProperty("channels").GetInt32();
        int[] kept = [.. block.GetProperty("kept").EnumerateArray().Select(channel => channel.GetInt32())];
        Assert.Equal(kept.Distinct().Order(), kept);
        Assert.All(kept, channel => Assert.InRange(channel, 0, channels - 1));
        Assert.Equal(kept.Length > 0, block.GetProperty("scale").GetSingle() > 0);
        return (kept.Length > 0, kept.Length, channels);
    }
}
