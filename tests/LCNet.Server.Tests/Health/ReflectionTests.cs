using Grpc.Core;
using Grpc.Reflection.V1Alpha;

namespace LCNet.Server.Tests;

public sealed class ReflectionTests(ServerFixture fixture)
{
    [Fact]
    public async Task Reflection_ListServices_NamesThemAll()
    {
        var client = new ServerReflection.ServerReflectionClient(fixture.One.Channel);
        using AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> call =
            client.ServerReflectionInfo(deadline: TestServer.Deadline, cancellationToken: TestContext.Current.CancellationToken);
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = string.Empty }, TestContext.Current.CancellationToken);
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));

        IEnumerable<string> services = call.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name);
        Assert.Superset(new HashSet<string> { "lcnet.v1.Classifier", "inference.GRPCInferenceService", "grpc.health.v1.Health" }, services.ToHashSet());
        Assert.False(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
    }
}
