using System.Net;
using Google.Protobuf;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>Requests that begin and do not end, against the real server.</summary>
public sealed class ReceiveTests(ServerFixture fixture)
{
    private const int Size = 300_000;
    private const int Sent = 200_000;
    private const string Attacker = "127.0.0.1";
    private const string Other = "127.0.0.2";

    [Fact]
    public async Task Classify_BesideRequestsThatNeverEnd_OnlyTheirSenderIsRefused()
    {
        // A quarter is less than one request, so a client has room for one of the largest.
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxImageBytes=400000", "MaxReceiveBytes=1048576");
        using var metrics = new MetricCapture(server);
        using HttpClient attacker = Client(server, Attacker);
        using var end = new CancellationTokenSource();
        Task[] stalled = [.. Enumerable.Range(0, 2).Select(_ => StallAsync(attacker, end.Token))];

        Assert.Equal("8", await UntilAsync(attacker, "8"));
        using (var other = new LoopbackClient(server, Other))
        {
            ClassifyResponse reply = await other.Client.ClassifyAsync(TestImages.Png(1), deadline: TestServer.Deadline, cancellationToken: TestContext.Current.CancellationToken);
            Assert.NotEmpty(reply.Predictions);
        }

        using (HttpClient other = Client(server, Other))
        {
            Assert.Equal("3", await SendAsync(other, int.MaxValue, TestContext.Current.CancellationToken));
        }

        Assert.InRange(metrics.Sum("lcnet.refusals{model=unknown,reason=bytes}"), 1, double.MaxValue);

        // What they held is free again once they are gone.
        await end.CancelAsync();
        foreach (Task request in stalled)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        }

        Assert.Equal("3", await UntilAsync(attacker, "3"));
    }

    [Theory]
    [InlineData("/v1/classify")]
    [InlineData("/v2/models/alpha/infer")]
    public async Task Http_BesideRequestsThatNeverEnd_OnlyTheirSenderIsRefused(string path)
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxImageBytes=400000", "MaxReceiveBytes=1048576");
        using var attacker = new HttpClient(LoopbackClient.Handler(Attacker)) { BaseAddress = server.Http.BaseAddress };
        using var other = new HttpClient(LoopbackClient.Handler(Other)) { BaseAddress = server.Http.BaseAddress };
        using var end = new CancellationTokenSource();
        Task[] stalled = [.. Enumerable.Range(0, 2).Select(_ => PostAsync(attacker, path, Sent, end.Token))];

        HttpStatusCode refused = await Eventually.GetAsync(() => PostAsync(attacker, path, int.MaxValue, TestContext.Current.CancellationToken), status => status == HttpStatusCode.TooManyRequests);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused);
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(other, path, int.MaxValue, TestContext.Current.CancellationToken));
        await end.CancelAsync();
        await Task.WhenAll(stalled).ContinueWith(_ => { }, TestContext.Current.CancellationToken, TaskContinuationOptions.None, TaskScheduler.Default);
        await Eventually.GetAsync(() => PostAsync(attacker, path, int.MaxValue, TestContext.Current.CancellationToken), status => status == HttpStatusCode.BadRequest);
    }

    private static HttpClient Client(TestServer server, string address) => new(LoopbackClient.Handler(address)) { BaseAddress = server.GrpcAddress };

    private static async Task<string?> UntilAsync(HttpClient client, string status) =>
        await Eventually.GetAsync(() => SendAsync(client, int.MaxValue, TestContext.Current.CancellationToken), answer => answer == status);

    // Until it is cancelled. Again where it is refused, as it is while the request beside which it arrives is still held.
    private static async Task StallAsync(HttpClient client, CancellationToken cancellation)
    {
        while (true)
        {
            Assert.Equal("8", await SendAsync(client, Sent, cancellation));
        }
    }

    // No image, but a message of its length; so many bytes of it, and then nothing more.
    private static async Task<string?> SendAsync(HttpClient client, int bytes, CancellationToken cancellation)
    {
        byte[] frame = RawRequest.Frame(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(new byte[Size]) }.ToByteArray());
        using var part = new PartOf(frame, bytes);
        return (await RawRequest.SendAsync(client, new Uri(client.BaseAddress!, RawRequest.Classify), part, [], cancellation)).Status;
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string path, int bytes, CancellationToken cancellation)
    {
        using var part = new PartOf(new byte[Size], bytes);
        using HttpResponseMessage response = await client.PostAsync(new Uri(path, UriKind.Relative), part, cancellation);
        return response.StatusCode;
    }

    private sealed class PartOf(byte[] body, int bytes) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(body.AsMemory(0, Math.Min(bytes, body.Length)), cancellationToken);
            await stream.FlushAsync(cancellationToken);
            if (bytes < body.Length)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
