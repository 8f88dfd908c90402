using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.InteropServices;
using Grpc.Core;
using Grpc.Health.V1;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Server.Models;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.OnnxRuntime;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace LCNet.Server.Tests;

[SuppressMessage("Usage", "CA2201", Justification = "What the runtime and native code throw is what these tests are about.")]
public sealed class FaultTests(ServerFixture fixture)
{
    private const string DeviceStatus = "the device failed while the image ran; another server may answer";
    private const string Failures = $"lcnet.failures{{model={ServerFixture.Model}}}";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ExecutorKind.Simd)]
    [InlineData(ExecutorKind.OnnxRuntime)]
    public async Task Dispatch_ThrowsNowAndThen_FailsItsOwnImageAlone(ExecutorKind executor)
    {
        const int Images = 400;
        FaultyExecutors executors = Executors(executor);
        await using TestServer server = await StartAsync(executors.Load, "MaxFailures=1000");
        using var metrics = new MetricCapture(server);
        Answers expected = Answers.Of(fixture.Bundle, Images, executor);
        using var caller = new ImageCaller(server.GrpcAddress, fixture.Bundle.Manifest.Input);

        // Every kind, in any segment: about one image in eight.
        int calls = 0;
        executors.Fault = () => (Interlocked.Increment(ref calls) % 97) switch
        {
            13 => new OutOfMemoryException("secret"),
            37 => new SEHException("secret"),
            71 => NativeError(),
            _ => null,
        };
        int right = 0;
        int failed = 0;
        await Parallel.ForAsync(0, Images, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Token }, async (seed, _) =>
        {
            try
            {
                Assert.True(Answers.AreSame(expected[seed], (await caller.ClassifyAsync(seed)).Probabilities), $"image {seed}");
                Interlocked.Increment(ref right);
            }
            catch (RpcException exception)
            {
                Assert.Equal((StatusCode.Unavailable, DeviceStatus), (exception.StatusCode, exception.Status.Detail));
                Interlocked.Increment(ref failed);
            }
        });

        Assert.True(failed > 10, $"{failed}");
        Assert.Equal((Images, executors.Thrown), (right + failed, failed));
        Assert.Equal(failed, metrics.Sum(Failures));
        Assert.Equal(failed, server.Errors.Count);
        Assert.All(server.Errors, error => Assert.StartsWith("DispatchFailed: alpha version 3 failed on cpu", error, StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(server));
        server.Errors.Clear();
    }

    [Fact]
    public async Task Dispatch_ThrowsInAStreamAndInABatch_FailsThatRequestAndNoOther()
    {
        FaultyExecutors executors = Executors();
        await using TestServer server = await StartAsync(executors.Load);
        Answers expected = Answers.Of(fixture.Bundle, 4);
        using var caller = new ImageCaller(server.GrpcAddress, fixture.Bundle.Manifest.Input);
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> stream = caller.Client.ClassifyStream(deadline: TestServer.Deadline, cancellationToken: Token);
        for (int i = 0; i < 4; i++)
        {
            executors.Fault = i == 1 ? () => new OutOfMemoryException("secret") : null;
            ClassifyRequest request = TestImages.Png(i);
            request.TopK = TestBundle.Labels;
            await stream.RequestStream.WriteAsync(request, Token);
            Assert.True(await stream.ResponseStream.MoveNext(Token));
            ClassifyStreamResponse reply = stream.ResponseStream.Current;
            Assert.Equal(i == 1 ? (14, DeviceStatus) : (0, string.Empty), (reply.Error?.Code ?? 0, reply.Error?.Message ?? string.Empty));
            Assert.True(i == 1 || Answers.AreSame(expected[i], [.. reply.Response.Predictions.OrderBy(prediction => prediction.Index).Select(prediction => prediction.Probability)]));
        }

        await stream.RequestStream.CompleteAsync();
        Assert.False(await stream.ResponseStream.MoveNext(Token));

        // In the second or the third image of four.
        int dispatches = 0;
        executors.Fault = () => Interlocked.Increment(ref dispatches) == 15 ? new OutOfMemoryException("secret") : null;
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => caller.InferAsync(files: true, [0, 1, 2, 3]));
        Assert.Equal((StatusCode.Unavailable, DeviceStatus), (failure.StatusCode, failure.Status.Detail));
        executors.Fault = null;
        float[][] after = (await caller.InferAsync(files: true, [0, 1, 2, 3])).Probabilities;
        Assert.All(after.Index(), row => Assert.True(Answers.AreSame(expected[row.Index], row.Item)));
        server.Errors.Clear();
    }

    [Fact]
    public async Task Dispatch_OurOwnFault_IsInternalAndSaysNothingOfTheDevice()
    {
        FaultyExecutors executors = Executors();
        await using TestServer server = await StartAsync(executors.Load, "MaxFailures=1");
        using var metrics = new MetricCapture(server);
        executors.Fault = () => new InvalidOperationException("secret");

        Status status = await server.StatusOfAsync(TestImages.Png(1));

        Assert.Equal((StatusCode.Internal, "the server failed; its log says why"), (status.StatusCode, status.Detail));
        Assert.Equal(1, metrics.Sum(Failures));
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(server));
        server.Errors.Clear();
    }

    [Fact]
    public async Task Device_FailsAgainAndAgain_ServerIsNotReadyUntilItRuns()
    {
        FaultyExecutors executors = Executors();
        await using TestServer server = await StartAsync(executors.Load, "MaxFailures=3");
        executors.Fault = () => new ExternalException("device lost");
        for (int failure = 0; failure < 3; failure++)
        {
            Assert.Equal(HttpStatusCode.OK, await ReadyAsync(server));
            Assert.Equal(DeviceStatus, (await server.StatusOfAsync(TestImages.Png(1))).Detail);
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(server));
        Assert.Equal(ServingStatus.NotServing, await HealthAsync(server));
        Assert.False((await new InferClient(server.Channel).Calls.ServerReadyAsync(new global::Inference.ServerReadyRequest(), deadline: TestServer.Deadline, cancellationToken: Token)).Ready);
        Status refusal = await server.StatusOfAsync(TestImages.Png(1));
        Assert.Equal((StatusCode.Unavailable, "the device that runs the model has failed"), (refusal.StatusCode, refusal.Detail));
        Assert.Contains(server.Errors, error => error.StartsWith("DeviceFailed: alpha version 3", StringComparison.Ordinal));

        executors.Fault = null;

        Assert.Equal(HttpStatusCode.OK, await Eventually.GetAsync(() => ReadyAsync(server), status => status == HttpStatusCode.OK));
        Assert.Equal(ServingStatus.Serving, await HealthAsync(server));
        Assert.Equal(StatusCode.OK, (await server.StatusOfAsync(TestImages.Png(1))).StatusCode);
        server.Errors.Clear();
    }

    [Fact]
    public async Task Device_FailsAgainAndAgainWithFallback_GoesOnOnTheCpu()
    {
        FaultyExecutors executors = Executors(device: "cuda:0");
        var loader = new FirstThenOwnLoader(executors);
        await using TestServer server = await StartAsync(loader.Load, "MaxFailures=2", "FallbackToCpu=true");
        Answers expected = Answers.Of(fixture.Bundle, 1);
        using var caller = new ImageCaller(server.GrpcAddress, fixture.Bundle.Manifest.Input);
        Assert.Equal("cuda:0", (await server.ClassifyAsync(TestImages.Png(1))).Compute.Device);
        executors.Fault = () => new ExternalException("device lost");
        await server.StatusOfAsync(TestImages.Png(1));
        await server.StatusOfAsync(TestImages.Png(1));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(server));

        Assert.Equal(HttpStatusCode.OK, await Eventually.GetAsync(() => ReadyAsync(server), status => status == HttpStatusCode.OK));
        Assert.Equal("cpu", (await server.ClassifyAsync(TestImages.Png(1))).Compute.Device);
        Assert.True(Answers.AreSame(expected[0], (await caller.ClassifyAsync(0)).Probabilities));
        Assert.Contains(server.Errors, error => error.StartsWith("FellBack: Falling back from cuda:0", StringComparison.Ordinal));
        server.Errors.Clear();
    }

    [Fact]
    public async Task Device_CannotBeUsedAtStart_IsFatalUnlessThereIsAFallback()
    {
        DeviceException refusal = await Assert.ThrowsAsync<DeviceException>(() => StartAsync(LoadWithoutGpu, "Device=cuda"));
        Assert.Equal("no such device", refusal.Message);

        await using TestServer server = await StartAsync(LoadWithoutGpu, "Device=cuda", "FallbackToCpu=true");
        Assert.Equal("cpu", (await server.ClassifyAsync(TestImages.Png(1))).Compute.Device);
        server.Errors.Clear();
    }

    private static FaultyExecutors Executors(ExecutorKind kind = ExecutorKind.Simd, string? device = null) => new(
        bundle => kind == ExecutorKind.Simd ? new SimdExecutor(bundle) : new OnnxExecutor(bundle, ComputeDevice.Parse("cpu")), device);

    // What ONNX Runtime throws, which nobody else can make.
    private static Exception NativeError() => Record.Exception(() => new InferenceSession([1, 2, 3]))!;

    private static async Task<HttpStatusCode> ReadyAsync(TestServer server)
    {
        using HttpResponseMessage reply = await server.Http.GetAsync(new Uri("/readyz", UriKind.Relative), Token);
        return reply.StatusCode;
    }

    private static async Task<ServingStatus> HealthAsync(TestServer server) =>
        (await new Health.HealthClient(server.Channel).CheckAsync(new HealthCheckRequest(), deadline: TestServer.Deadline, cancellationToken: Token)).Status;

    private Task<TestServer> StartAsync(EngineFactory engines, params string[] settings) =>
        TestServer.StartAsync(fixture.OneModel, services => services.AddSingleton(engines), settings);

    // The device that is lost, and what is there without it.
    private sealed class FirstThenOwnLoader(FaultyExecutors first)
    {
        private int _loads;

        public InferenceEngine Load(Bundle bundle, EngineOptions options) =>
            Interlocked.Increment(ref _loads) == 1 ? first.Load(bundle, options) : InferenceEngine.Load(bundle, options);
    }

    private static InferenceEngine LoadWithoutGpu(Bundle bundle, EngineOptions options) =>
        options.Device == "cpu" ? InferenceEngine.Load(bundle, options) : throw new DeviceException("no such device");
}
