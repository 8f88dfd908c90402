using System.IO.Compression;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Compression;
using Grpc.Reflection.V1Alpha;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

public sealed class UnexpectedErrorTests(ServerFixture fixture)
{
    [Fact]
    public async Task Classify_OurOwnFault_IsLoggedOnceAndNotExplained()
    {
        await using TestServer server = await StartAsync(options => options.Interceptors.Add<Fault>());

        AssertFault(server, await server.StatusOfAsync(TestImages.Png(1)), RawRequest.Classify, nameof(Fault));
    }

    [Fact]
    public async Task Classify_ReplyCannotBeWritten_IsLoggedOnceAndNotExplained()
    {
        await using TestServer server = await StartAsync(options =>
        {
            options.CompressionProviders = [new BrokenCompression()];
            options.ResponseCompressionAlgorithm = "gzip";
        });

        AssertFault(server, await server.StatusOfAsync(TestImages.Png(1)), RawRequest.Classify, nameof(BrokenCompression));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stream_OurOwnFault_IsLoggedOnceAndNotExplained(bool answers)
    {
        await using TestServer server = await StartAsync(options => options.Interceptors.Add<Fault>());
        var client = new ServerReflection.ServerReflectionClient(server.Channel);
        using AsyncDuplexStreamingCall<ServerReflectionRequest, ServerReflectionResponse> call = client.ServerReflectionInfo(
            new Metadata { { Fault.AnswersFirst, $"{answers}" } }, TestServer.Deadline, TestContext.Current.CancellationToken);
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = string.Empty }, TestContext.Current.CancellationToken);
        await call.RequestStream.CompleteAsync();

        int replies = 0;
        RpcException exception = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
                replies++;
            }
        });

        Assert.Equal(answers ? 1 : 0, replies);
        AssertFault(server, exception.Status, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", nameof(Fault));
    }

    private static void AssertFault(TestServer server, Status status, string method, string source)
    {
        Assert.Equal(StatusCode.Internal, status.StatusCode);
        Assert.Equal("the server failed; its log says why", status.Detail);
        string error = Assert.Single(server.Errors);
        Assert.Contains($"CallFailed: {method} failed", error, StringComparison.Ordinal);
        Assert.Contains("secret", error, StringComparison.Ordinal);
        Assert.Contains(source, error, StringComparison.Ordinal);
        server.Errors.Clear();
    }

    private Task<TestServer> StartAsync(Action<GrpcServiceOptions> configure) =>
        TestServer.StartAsync(fixture.OneModel, services => services.Configure(configure));

    private sealed class Fault : Interceptor
    {
        public const string AnswersFirst = "x-answers-first";

        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
            throw new InvalidOperationException("secret");

        public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
            IAsyncStreamReader<TRequest> requestStream,
            IServerStreamWriter<TResponse> responseStream,
            ServerCallContext context,
            DuplexStreamingServerMethod<TRequest, TResponse> continuation)
        {
            if (context.RequestHeaders.GetValue(AnswersFirst) == $"{true}")
            {
                await continuation(requestStream, responseStream, context);
            }

            throw new InvalidOperationException("secret");
        }
    }

    private sealed class BrokenCompression : ICompressionProvider
    {
        public string EncodingName => "gzip";

        public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) => throw new InvalidOperationException("secret");

        public Stream CreateDecompressionStream(Stream stream) => throw new InvalidOperationException("secret");
    }
}
