using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using LCNet.Server.Tests;
using LCNet.V1;

namespace LCNet.Client.Tests;

public sealed class BulkTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(64, 1)]
    [InlineData(7, 3)]
    [InlineData(1, 1)]
    public async Task ClassifyAllAsync_ManyImages_EachReplyIsTheUnaryAnswer(int inFlight, int streams)
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        LcNetClient client = server.Connect(options =>
        {
            options.MaxInFlight = inFlight;
            options.Streams = streams;
        });

        List<ClassifyStreamResponse> replies = await AllAsync(client.ClassifyAllAsync(Requests(200), Token));

        AssertAll(replies, 200);
        foreach (ClassifyStreamResponse reply in replies)
        {
            ClassifyRequest request = TestImages.Png(int.Parse(reply.Id, null));
            ClassifyResponse unary = await fixture.One.ClassifyAsync(request);
            Assert.Equal(unary.Predictions, reply.Response.Predictions);
            Assert.Equal(unary.Compute.ExecutedFlops, reply.Response.Compute.ExecutedFlops);
            Assert.Equal(reply.Id, reply.Response.Id);
        }

        Assert.InRange(server.Faults.Streams, 1, streams);
    }

    [Fact]
    public async Task ClassifyAllAsync_NoRequests_GivesNoReplies()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);

        Assert.Empty(await AllAsync(server.Connect().ClassifyAllAsync(Requests(0), Token)));
        Assert.Equal(0, server.Faults.Streams);
    }

    [Fact]
    public async Task ClassifyAllAsync_AnyIds_AreKept()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        string[] ids = [string.Empty, "a", "a", "ü ☃", new string('x', 5000), string.Empty];

        List<ClassifyStreamResponse> replies = await AllAsync(server.Connect().ClassifyAllAsync(
            ids.Select(id => new ClassifyRequest { Id = id, EncodedImage = TestImages.Png(1).EncodedImage }).ToAsyncEnumerable(), Token));

        Assert.Equal(ids.Order(StringComparer.Ordinal), replies.Select(reply => reply.Id).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task ClassifyAllAsync_RequestInError_IsAnsweredSoAndTheOthersGoOn()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        ClassifyRequest[] requests = [TestImages.Png(1), new() { Id = "bad", EncodedImage = ByteString.CopyFromUtf8("x") }, TestImages.Png(2)];

        List<ClassifyStreamResponse> replies = await AllAsync(server.Connect().ClassifyAllAsync(requests.ToAsyncEnumerable(), Token));

        Assert.Equal(3, replies.Count);
        Assert.Equal("bad", Assert.Single(replies, reply => reply.Error is not null).Id);
        Assert.Equal((int)StatusCode.InvalidArgument, replies.Single(reply => reply.Error is not null).Error.Code);
    }

    [Fact]
    public async Task ClassifyAllAsync_StreamsBreak_EveryRequestIsAnsweredOnce()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.BreakAfter = 25;

        AssertAll(await AllAsync(server.Connect(options => options.MaxInFlight = 16).ClassifyAllAsync(Requests(300), Token)), 300);

        Assert.True(server.Faults.Streams >= 300 / 25);
    }

    [Fact]
    public async Task ClassifyAllAsync_RepliesSayNotRun_AreSentAgain()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.OfReply = reply => reply % 7 == 0 ? StatusCode.ResourceExhausted : null;

        AssertAll(await AllAsync(server.Connect(options => options.MaxAttempts = 5).ClassifyAllAsync(Requests(100), Token)), 100);
    }

    [Fact]
    public async Task ClassifyAllAsync_RepliesStayRefused_AreAnsweredSo()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        server.Faults.OfReply = _ => StatusCode.ResourceExhausted;

        List<ClassifyStreamResponse> replies = await AllAsync(server.Connect(options => options.MaxAttempts = 3).ClassifyAllAsync(Requests(10), Token));

        Assert.Equal(10, replies.Count);
        Assert.All(replies, reply => Assert.Equal((int)StatusCode.ResourceExhausted, reply.Error.Code));
    }

    [Fact]
    public async Task ClassifyAllAsync_SlowReader_HoldsUpTheSource()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        int given = 0;
        async IAsyncEnumerable<ClassifyRequest> Source()
        {
            await foreach (ClassifyRequest request in Requests(100))
            {
                Interlocked.Increment(ref given);
                yield return request;
            }
        }

        int taken = 0;
        await foreach (ClassifyStreamResponse reply in server.Connect(options => options.MaxInFlight = 5).ClassifyAllAsync(Source(), Token))
        {
            taken++;
            await Task.Delay(taken < 10 ? 50 : 0, Token);
            Assert.InRange(Volatile.Read(ref given), taken, taken + 5);
        }

        Assert.Equal(100, taken);
    }

    [Fact]
    public async Task ClassifyAllAsync_ReaderLeaves_EndsTheSource()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        bool ended = false;
        async IAsyncEnumerable<ClassifyRequest> Source([EnumeratorCancellation] CancellationToken cancellation = default)
        {
            try
            {
                for (int i = 0; ; i++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    yield return TestImages.Png(i % 10);
                    await Task.Yield();
                }
            }
            finally
            {
                ended = true;
            }
        }

        await foreach (ClassifyStreamResponse reply in server.Connect().ClassifyAllAsync(Source(Token), Token))
        {
            break;
        }

        Assert.True(ended);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task ClassifyAllAsync_SourceIgnoresCancellation_EndsAllTheSame(bool isBlocking, bool isServerFault)
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Token);
        using var release = new ManualResetEventSlim();
        var isDisposed = new TaskCompletionSource();
        async IAsyncEnumerable<ClassifyRequest> Source()
        {
            try
            {
                yield return isServerFault ? new ClassifyRequest { EncodedImage = ByteString.CopyFrom(new byte[9_000_000]) } : TestImages.Png(1);
                if (isBlocking)
                {
                    release.Wait(CancellationToken.None);
                }
                else
                {
                    await Task.Run(() => release.Wait(CancellationToken.None), CancellationToken.None);
                }

                yield return TestImages.Png(2);
            }
            finally
            {
                isDisposed.SetResult();
            }
        }

        IAsyncEnumerator<ClassifyStreamResponse> replies = server.Connect().ClassifyAllAsync(Source(), cancellation.Token).GetAsyncEnumerator(Token);
        async Task<Exception?> Reading() => await Record.ExceptionAsync(async () =>
        {
            Assert.True(await replies.MoveNextAsync());
            await cancellation.CancelAsync();
            await replies.MoveNextAsync();
        });

        Exception? failure = await Reading().WaitAsync(TimeSpan.FromSeconds(60), Token);
        await replies.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60), Token);
        Assert.Equal(isServerFault ? typeof(RpcException) : typeof(TaskCanceledException), failure?.GetType());

        // It is disposed of once it comes back.
        Assert.False(isDisposed.Task.IsCompleted);
        release.Set();
        await isDisposed.Task.WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    [Fact]
    public async Task ClassifyAllAsync_SourceFails_FailsWithItsException()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        static async IAsyncEnumerable<ClassifyRequest> Source()
        {
            await foreach (ClassifyRequest request in Requests(20))
            {
                yield return request;
            }

            throw new InvalidDataException("the disk is on fire");
        }

        await Assert.ThrowsAsync<InvalidDataException>(() => AllAsync(server.Connect().ClassifyAllAsync(Source(), Token)));
    }

    [Fact]
    public async Task ClassifyAllAsync_Cancelled_Fails()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Token);
        int taken = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (ClassifyStreamResponse reply in server.Connect().ClassifyAllAsync(Requests(100_000), cancellation.Token))
            {
                if (++taken == 10)
                {
                    await cancellation.CancelAsync();
                }
            }
        });
    }

    [Fact]
    public async Task ClassifyAllAsync_NoServer_FailsAfterSoManyAttempts()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        await server.Server.App.StopAsync(Token);

        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => AllAsync(server.Connect().ClassifyAllAsync(Requests(20), Token)));

        Assert.Equal(StatusCode.Unavailable, exception.StatusCode);
    }

    [Fact]
    public async Task ClassifyAllAsync_RequestOverTheServersLimit_FailsAndNamesIt()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        ClassifyRequest[] requests = [TestImages.Png(1), new() { EncodedImage = ByteString.CopyFrom(new byte[9_000_000]) }];

        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => AllAsync(server.Connect().ClassifyAllAsync(requests.ToAsyncEnumerable(), Token)));

        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Contains("8454144", exception.Status.Detail, StringComparison.Ordinal);
    }

    internal static IAsyncEnumerable<ClassifyRequest> Requests(int count) => Enumerable.Range(0, count).Select(seed =>
    {
        ClassifyRequest request = TestImages.Png(seed);
        request.Id = $"{seed}";
        return request;
    }).ToAsyncEnumerable();

    private static async Task<List<ClassifyStreamResponse>> AllAsync(IAsyncEnumerable<ClassifyStreamResponse> replies)
    {
        var all = new List<ClassifyStreamResponse>();
        await foreach (ClassifyStreamResponse reply in replies)
        {
            all.Add(reply);
        }

        return all;
    }

    private static void AssertAll(List<ClassifyStreamResponse> replies, int count)
    {
        Assert.All(replies, reply => Assert.Null(reply.Error));
        Assert.Equal(Enumerable.Range(0, count).Select(i => $"{i}").Order(), replies.Select(reply => reply.Id).Order());
    }
}
