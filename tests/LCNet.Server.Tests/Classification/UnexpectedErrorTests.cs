using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

public sealed class UnexpectedErrorTests(ServerFixture fixture)
{
    [Fact]
    public async Task Classify_OurOwnFault_IsLoggedOnceAndNotExplained()
    {
        await using TestServer server = await TestServer.StartAsync(
            fixture.OneModel, services => services.Configure<GrpcServiceOptions>(options => options.Interceptors.Add<Fault>()));

        Status status = await server.StatusOfAsync(TestImages.Png(1));

        Assert.Equal(StatusCode.Internal, status.StatusCode);
        Assert.DoesNotContain("secret", status.Detail, StringComparison.Ordinal);
        string error = Assert.Single(server.Errors);
        Assert.Contains("CallFailed: /lcnet.v1.Classifier/Classify failed", error, StringComparison.Ordinal);
        Assert.Contains("secret", error, StringComparison.Ordinal);
        Assert.Contains(nameof(Fault), error, StringComparison.Ordinal);
        server.Errors.Clear();
    }

    private sealed class Fault : Interceptor
    {
        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
            throw new InvalidOperationException("secret");
    }
}
