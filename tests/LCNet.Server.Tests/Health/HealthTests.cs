using System.Net;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Builder;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace LCNet.Server.Tests;

public sealed class HealthTests(ServerFixture fixture)
{
    private const string Service = "lcnet.v1.Classifier";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData(Service)]
    [InlineData("inference.GRPCInferenceService")]
    public async Task Check_Started_IsServing(string service) => Assert.Equal(ServingStatus.Serving, await CheckAsync(fixture.One, service));

    [Fact]
    public async Task Check_UnknownService_IsNotFoundNamingThoseThatThereAre()
    {
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => CheckAsync(fixture.One, "nobody"));

        Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
        Assert.StartsWith("service: ", refusal.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("lcnet.v1.Classifier, inference.GRPCInferenceService", refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_UnknownService_IsNotFound() =>
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => CheckAsync(fixture.One, "nobody"))).StatusCode);

    [Theory]
    [InlineData("/healthz")]
    [InlineData("/readyz")]
    public async Task Http_Started_IsHealthy(string path) => Assert.Equal(HttpStatusCode.OK, await GetAsync(fixture.One, path));

    [Fact]
    public async Task Watch_ServerStops_SaysSoAndEnds()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        using AsyncServerStreamingCall<HealthCheckResponse> watch =
            new Health.HealthClient(server.Channel).Watch(new HealthCheckRequest { Service = Service }, deadline: TestServer.Deadline, cancellationToken: Token);
        Assert.True(await watch.ResponseStream.MoveNext(Token));
        Assert.Equal(ServingStatus.Serving, watch.ResponseStream.Current.Status);

        Task stopped = server.App.StopAsync(Token);
        ServingStatus last = ServingStatus.Serving;
        while (await watch.ResponseStream.MoveNext(Token))
        {
            last = watch.ResponseStream.Current.Status;
        }

        await stopped;
        Assert.Equal(ServingStatus.NotServing, last);
    }

    [Fact]
    public async Task Draining_EveryCheck_SaysNotReady()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);

        // What a signal does first; the ports stay open here because nobody waits for it.
        server.App.Lifetime.StopApplication();

        Assert.Equal(HttpStatusCode.OK, await GetAsync(server, "/healthz"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await GetAsync(server, "/readyz"));
        Assert.Equal(ServingStatus.NotServing, await CheckAsync(server, string.Empty));
        Assert.Equal(ServingStatus.NotServing, await CheckAsync(server, Service));
        Status status = await server.StatusOfAsync(TestImages.Png(1));
        Assert.Equal((StatusCode.Unavailable, "the server is draining"), (status.StatusCode, status.Detail));
    }

    private static async Task<ServingStatus> CheckAsync(TestServer server, string service) =>
        (await new Health.HealthClient(server.Channel).CheckAsync(
            new HealthCheckRequest { Service = service }, deadline: TestServer.Deadline, cancellationToken: Token)).Status;

    private static async Task<HttpStatusCode> GetAsync(TestServer server, string path)
    {
        using HttpResponseMessage response = await server.Http.GetAsync(new Uri(path, UriKind.Relative), Token);
        return response.StatusCode;
    }
}
