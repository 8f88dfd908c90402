using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

/// <summary>Calls that wait for the one worker of a slow model. Run alone, as one of them measures the process.</summary>
[CollectionDefinition(nameof(WaitingTests), DisableParallelization = true)]
[Collection(nameof(WaitingTests))]
public sealed class WaitingTests : IAsyncLifetime
{
    private const int Side = 128;
    private const int Calls = 64;
    private readonly TemporaryFolder _folder = new();
    private readonly CallSpy _spy = new();
    private TestServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        TestBundle.Write(_folder.FullName, ServerFixture.Model, 1, seed: 5, side: Side);
        _server = await TestServer.StartAsync(
            _folder.FullName,
            services => services.AddSingleton(_spy).Configure<GrpcServiceOptions>(options => options.Interceptors.Add<CallSpy>()),
            "Workers=1");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Classify_ManyCallsWait_TakeNoBuffersMeanwhile()
    {
        await BurstAsync();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        ClassifyResponse[] replies = await BurstAsync();
        long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        Assert.InRange(allocated / Calls, 0, Side * Side * 3 * sizeof(float) / 2);
        Assert.True(
            replies.Max(reply => reply.Compute.QueueUs) > replies.Sum(reply => reply.Compute.ExecuteUs) / 4,
            "queue_us leaves out some of the waiting");
    }

    [Fact]
    public async Task Classify_TurnComesAfterItsDeadline_IsToldSoAndNeverRuns()
    {
        await UnderLoadAsync(async () =>
        {
            (string? status, _) = await RawRequest.PostAsync(
                _server, RawRequest.Classify, RawRequest.Frame(TestImages.Png(1).ToByteArray()), (CallSpy.Header, "1"), ("grpc-timeout", "10m"));

            // Expired while it waited, or refused beforehand as it would have been.
            Assert.Contains(status, new[] { "4", "8" });
            Assert.NotNull(await _spy.Outcome);
        });
    }

    [Fact]
    public async Task Classify_CancelledWhileItWaits_NeverRuns()
    {
        await UnderLoadAsync(async () =>
        {
            using var cancellation = new CancellationTokenSource();
            AsyncUnaryCall<ClassifyResponse> call = _server.Client.ClassifyAsync(
                TestImages.Png(1), new Metadata { { CallSpy.Header, "1" } }, TestServer.Deadline, cancellation.Token);
            await _spy.Entered;
            await cancellation.CancelAsync();

            RpcException exception = await Assert.ThrowsAsync<RpcException>(async () => await call);
            Assert.Equal(StatusCode.Cancelled, exception.StatusCode);
            Assert.IsType<OperationCanceledException>(await _spy.Outcome, exactMatch: false);
        });
    }

    private Task<ClassifyResponse[]> BurstAsync() => Task.WhenAll(Enumerable.Range(0, Calls).Select(seed => _server.ClassifyAsync(TestImages.Png(seed))));

    // While the test runs, about 32 calls wait.
    private async Task UnderLoadAsync(Func<Task> test)
    {
        using var enough = new CancellationTokenSource();
        Task[] load = [.. Enumerable.Range(0, Calls / 2).Select(async seed =>
        {
            while (!enough.IsCancellationRequested)
            {
                await _server.ClassifyAsync(TestImages.Png(seed));
            }
        })];
        try
        {
            await _server.ClassifyAsync(TestImages.Png(1));
            await test();
        }
        finally
        {
            await enough.CancelAsync();
            await Task.WhenAll(load);
        }
    }
}
