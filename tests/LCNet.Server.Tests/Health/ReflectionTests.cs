using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
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

    [Theory]
    [InlineData("google.rpc.RetryInfo")]
    [InlineData("google.rpc.Status")]
    [InlineData("google.protobuf.Duration")]
    [InlineData("lcnet.v1.ClassifyRequest")]
    public async Task Reflection_TypesThatAreSent_AreKnown(string type)
    {
        FileDescriptorProto[] files = await FilesOfAsync(type);

        // As a client would: all that the first imports is among them or can be asked for.
        Assert.Contains(files[0].MessageType, message => $"{files[0].Package}.{message.Name}" == type);
        foreach (string import in files[0].Dependency)
        {
            Assert.NotEmpty(await FilesOfAsync(import, isFile: true));
        }
    }

    [Fact]
    public async Task Reflection_DetailsOfARefusal_CanBeReadByWhoKnowsNothingOfThem()
    {
        // What grpcurl does with the details of a status: it asks for the type of each by its name.
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxQueue=0", "Workers=1");
        RpcException? refusal = null;
        for (int round = 0; round < 200 && refusal is null; round++)
        {
            IEnumerable<Task<RpcException?>> calls = Enumerable.Range(0, 16).Select(async seed => await Record.ExceptionAsync(() => server.ClassifyAsync(TestImages.Png(seed))) as RpcException);
            refusal = (await Task.WhenAll(calls)).FirstOrDefault(exception => exception?.StatusCode == StatusCode.ResourceExhausted);
        }

        var status = Google.Rpc.Status.Parser.ParseFrom(refusal!.Trailers.GetValueBytes("grpc-status-details-bin"));
        Assert.NotEmpty(status.Details);
        foreach (Any detail in status.Details)
        {
            Assert.NotEmpty(await FilesOfAsync(Any.GetTypeName(detail.TypeUrl)));
        }
    }

    private async Task<FileDescriptorProto[]> FilesOfAsync(string name, bool isFile = false)
    {
        var client = new ServerReflection.ServerReflectionClient(fixture.One.Channel);
        using AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> call =
            client.ServerReflectionInfo(deadline: TestServer.Deadline, cancellationToken: TestContext.Current.CancellationToken);
        await call.RequestStream.WriteAsync(
            isFile ? new ServerReflectionRequest { FileByFilename = name } : new ServerReflectionRequest { FileContainingSymbol = name }, TestContext.Current.CancellationToken);
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        Assert.True(call.ResponseStream.Current.ErrorResponse is null, $"{name}: {call.ResponseStream.Current.ErrorResponse?.ErrorMessage}");
        return [.. call.ResponseStream.Current.FileDescriptorResponse.FileDescriptorProto.Select(FileDescriptorProto.Parser.ParseFrom)];
    }
}
