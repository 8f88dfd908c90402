using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.V1;

namespace LCNet.Server.Tests;

public sealed class LameDuckTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stop_DuringTheDelay_NewConnectionsAreToldWhy()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "DrainDelay=00:05:00");
        using var impatience = new CancellationTokenSource();
        Task stopping = server.App.StopAsync(impatience.Token);
        await Eventually.GetAsync(() => ReadyAsync(server), status => status != HttpStatusCode.OK);

        // Connections that did not exist before.
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(server));
        using GrpcChannel channel = GrpcChannel.ForAddress(server.GrpcAddress);
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () =>
            await new Classifier.ClassifierClient(channel).ClassifyAsync(TestImages.Png(1), deadline: TestServer.Deadline, cancellationToken: Token));
        Assert.Equal((StatusCode.Unavailable, "the server is draining"), (refusal.StatusCode, refusal.Status.Detail));
        Assert.False(stopping.IsCompleted);

        await impatience.CancelAsync();
        await Task.WhenAny(stopping);
        await Assert.ThrowsAsync<HttpRequestException>(() => ReadyAsync(server));
    }

    private static async Task<HttpStatusCode> ReadyAsync(TestServer server)
    {
        using var client = new HttpClient();
        using HttpResponseMessage reply = await client.GetAsync(new Uri(server.Http.BaseAddress!, "/readyz"), Token);
        return reply.StatusCode;
    }
}
