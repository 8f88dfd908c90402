using Google.Protobuf;
using Grpc.Core;
using LCNet.Server.Tests;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Client.Tests;

public sealed class LcNetClientTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ClassifyAsync_File_AnswersAsTheServerDoes()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        byte[] file = TestImages.Encode(SKEncodedImageFormat.Jpeg, 1);

        ClassifyResponse reply = await server.Connect().ClassifyAsync(file, Token);

        ClassifyResponse expected = await fixture.One.ClassifyAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(file) });
        Assert.Equal(expected.Predictions, reply.Predictions);
        Assert.Equal(expected.Compute.ExecutedFlops, reply.Compute.ExecutedFlops);
    }

    [Fact]
    public async Task Models_Served_AreListedAndDescribed()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        LcNetClient client = server.Connect();

        Model model = Assert.Single(await client.ListModelsAsync(Token));
        Assert.Equal(ServerFixture.Model, model.Name);
        Assert.Equal(model, await client.GetModelAsync(cancellationToken: Token));
        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => client.GetModelAsync("nobody", cancellationToken: Token));
        Assert.Equal(StatusCode.NotFound, exception.StatusCode);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.ResourceExhausted)]
    public async Task ClassifyAsync_RefusedUnrun_IsSentAgain(StatusCode status)
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.OfCall = call => call < 4 ? status : null;

        await server.Connect().ClassifyAsync(TestImages.Png(1), Token);

        Assert.Equal(4, server.Faults.Calls);
    }

    [Fact]
    public async Task ClassifyAsync_LargeImageRefusedUnrun_IsSentAgain()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.OfCall = call => call == 1 ? StatusCode.Unavailable : null;
        byte[] file = TestImages.Encode(SKEncodedImageFormat.Png, 1, 1200);
        Assert.True(file.Length > 4_000_000);

        await server.Connect().ClassifyAsync(file, Token);

        Assert.Equal(2, server.Faults.Calls);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable, 2, 2)]
    [InlineData(StatusCode.Unavailable, 1, 1)]
    [InlineData(StatusCode.InvalidArgument, 4, 1)]
    [InlineData(StatusCode.Internal, 4, 1)]
    public async Task ClassifyAsync_StaysRefused_FailsAfterSoManyAttempts(StatusCode status, int attempts, int calls)
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.OfCall = _ => status;

        RpcException exception = await Assert.ThrowsAsync<RpcException>(
            () => server.Connect(options => options.MaxAttempts = attempts).ClassifyAsync(TestImages.Png(1), Token));

        Assert.Equal(status, exception.StatusCode);
        Assert.Equal(calls, server.Faults.Calls);
    }

    [Fact]
    public async Task ClassifyAsync_TakesTooLong_FailsAtItsDeadline()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.Delay = TimeSpan.FromMinutes(1);

        RpcException exception = await Assert.ThrowsAsync<RpcException>(
            () => server.Connect(options => options.Timeout = TimeSpan.FromMilliseconds(300)).ClassifyAsync(TestImages.Png(1), Token));

        Assert.Equal(StatusCode.DeadlineExceeded, exception.StatusCode);
    }

    [Fact]
    public async Task ClassifyAsync_Cancelled_Fails()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.Delay = TimeSpan.FromMinutes(1);
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => server.Connect().ClassifyAsync(TestImages.Png(1), cancellation.Token));

        Assert.Equal(StatusCode.Cancelled, exception.StatusCode);
    }
}
