using System.Diagnostics;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using LCNet.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using SkiaSharp;

namespace LCNet.Server.Tests;

public sealed class ClassifyStreamTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ClassifyStream_ManyImages_EachReplyIsTheUnaryAnswer()
    {
        ClassifyRequest[] requests = [.. Enumerable.Range(0, 300).Select(Request)];

        ClassifyStreamResponse[] replies = await StreamAsync(fixture.One, requests);

        Assert.Equal(requests.Select(request => request.Id).Order(), replies.Select(reply => reply.Id).Order());
        foreach (ClassifyStreamResponse reply in replies)
        {
            ClassifyRequest request = requests.Single(request => request.Id == reply.Id);
            Assert.Equal(ClassifyTests.Essence(await fixture.One.ClassifyAsync(request)), ClassifyTests.Essence(reply.Response));
        }

        Assert.Equal(requests.Length, replies.Select(reply => reply.Response.Predictions[0].Probability).Distinct().Count());
    }

    [Fact]
    public async Task ClassifyStream_SlowImageFirst_DoesNotHoldUpTheOthers()
    {
        Assert.SkipUnless(Environment.ProcessorCount > 1, "one core decodes before it goes on");
        using var bitmap = new SKBitmap(4096, 4096);
        using SKData slow = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        ClassifyRequest first = new() { Id = "slow", EncodedImage = ByteString.CopyFrom(slow.AsSpan()) };

        ClassifyStreamResponse[] replies = await StreamAsync(fixture.One, first, Request(1), Request(3), Request(5), Request(7));

        Assert.Equal(5, replies.Length);
        Assert.NotEqual("slow", replies[0].Id);
    }

    [Fact]
    public async Task ClassifyStream_RequestsInError_AreAnsweredSoAndTheOthersGoOn()
    {
        ClassifyRequest[] requests =
        [
            Request(0),
            new() { Id = "empty" },
            new() { Id = "unreadable", EncodedImage = ByteString.CopyFromUtf8("GIF89a") },
            Request(1),
            new() { Id = "nobody", Model = "nobody", EncodedImage = TestImages.Png(1).EncodedImage },
            new() { Id = "hard", Effort = 7, EncodedImage = TestImages.Png(1).EncodedImage },
            Request(2),
        ];

        ClassifyStreamResponse[] replies = await StreamAsync(fixture.One, requests);

        Assert.Equal(requests.Length, replies.Length);
        foreach (ClassifyRequest request in requests)
        {
            ClassifyStreamResponse reply = replies.Single(reply => reply.Id == request.Id);
            Status unary = await fixture.One.StatusOfAsync(request);
            Assert.Equal(unary.StatusCode == StatusCode.OK, reply.OutcomeCase == ClassifyStreamResponse.OutcomeOneofCase.Response);
            Assert.Equal(unary.StatusCode == StatusCode.OK ? null : new Error { Code = (int)unary.StatusCode, Message = unary.Detail }, reply.Error);
        }
    }

    [Fact]
    public async Task ClassifyStream_IdTooLong_IsAnsweredWithItsBeginning()
    {
        ClassifyRequest request = TestImages.Png(1);
        request.Id = string.Concat(Enumerable.Repeat("𝄞", 300));

        ClassifyStreamResponse reply = Assert.Single(await StreamAsync(fixture.One, request));

        Assert.Equal(string.Concat(Enumerable.Repeat("𝄞", 256)), reply.Id);
        Assert.Equal((int)StatusCode.InvalidArgument, reply.Error.Code);
    }

    [Fact]
    public async Task ClassifyStream_NoRequests_EndsWithoutReplies() => Assert.Empty(await StreamAsync(fixture.One));

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public async Task ClassifyStream_RepliesHeldBack_ReadsNoMoreThanItsLimit(int limit)
    {
        var spy = new StreamSpy();
        await using TestServer server = await StartAsync(spy, $"MaxStreamInFlight={limit}");
        spy.Close();
        Task<ClassifyStreamResponse[]> call = StreamAsync(server, [.. Enumerable.Range(0, 30).Select(Request)]);
        while (spy.Read < limit)
        {
            await Task.Delay(10, Token);
        }

        await Task.Delay(300, Token);
        Assert.Equal(limit, spy.Read);
        spy.Open();

        Assert.Equal(30, (await call).Length);
        Assert.Equal(limit, spy.MostInFlight);
    }

    [Fact]
    public async Task ClassifyStream_AloneWithNoRoomToWait_IsNeverRefused()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "MaxQueue=0");

        ClassifyStreamResponse[] replies = await StreamAsync(server, [.. Enumerable.Range(0, 200).Select(Request)]);

        Assert.Equal(200, replies.Length);
        Assert.All(replies, reply => Assert.Null(reply.Error));
    }

    [Fact]
    public async Task ClassifyStream_SeveralWithNoRoomToWait_AreAnsweredOrRefusedOneByOne()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "MaxQueue=0");
        ClassifyRequest[] requests = [.. Enumerable.Range(0, 100).Select(Request)];

        ClassifyStreamResponse[][] calls = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StreamAsync(server, requests)));

        Assert.All(calls, replies => Assert.Equal(requests.Select(request => request.Id).Order(), replies.Select(reply => reply.Id).Order()));
        Assert.All(
            calls.SelectMany(replies => replies).Where(reply => reply.Error is not null),
            reply => Assert.Equal((int)StatusCode.ResourceExhausted, reply.Error.Code));
    }

    [Fact]
    public async Task ClassifyStream_Cancelled_EndsAndGivesEverythingBack()
    {
        var spy = new StreamSpy();
        await using TestServer server = await StartAsync(spy, "Workers=1", "MaxQueue=1");
        spy.Close();
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Token);
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call = server.Client.ClassifyStream(cancellationToken: cancellation.Token);
        await call.RequestStream.WriteAsync(Request(1), Token);
        await call.RequestStream.WriteAsync(Request(2), Token);
        while (spy.Read < 2)
        {
            await Task.Delay(10, Token);
        }

        await cancellation.CancelAsync();

        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Token));
        Assert.Equal(StatusCode.Cancelled, exception.StatusCode);
        Assert.IsType<OperationCanceledException>(await spy.Outcome, exactMatch: false);
        spy.Open();
        Assert.All(await StreamAsync(server, [.. Enumerable.Range(0, 20).Select(Request)]), reply => Assert.Null(reply.Error));
        Assert.DoesNotContain(server.Errors, error => error.StartsWith("CallFailed", StringComparison.Ordinal));
        server.Errors.Clear();
    }

    [Fact]
    public async Task ClassifyStream_DeadlineExpires_IsToldSo()
    {
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call =
            fixture.One.Client.ClassifyStream(deadline: DateTime.UtcNow.AddMilliseconds(200), cancellationToken: Token);

        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Token));

        Assert.Equal(StatusCode.DeadlineExceeded, exception.StatusCode);
    }

    [Fact]
    public async Task ClassifyStream_OverBeforeItsTokenSaysSo_IsNoFaultOfTheServer()
    {
        await using TestServer server = await StartAsync(new StreamSpy { IsOver = true });

        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => StreamAsync(server, Request(1), Request(2)));

        Assert.Equal(StatusCode.Cancelled, exception.StatusCode);
        Assert.Empty(server.Errors);
    }

    [Fact]
    public async Task ClassifyStream_ServerStops_AnswersWhatItReadAndSaysSo()
    {
        var spy = new StreamSpy();
        await using TestServer server = await StartAsync(spy);
        spy.Close();
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call =
            server.Client.ClassifyStream(deadline: TestServer.Deadline, cancellationToken: Token);
        for (int i = 0; i < 10; i++)
        {
            await call.RequestStream.WriteAsync(Request(i), Token);
        }

        while (spy.Read < 10)
        {
            await Task.Delay(10, Token);
        }

        long started = Stopwatch.GetTimestamp();
        Task stopped = server.App.StopAsync(Token);
        spy.Open();
        var replies = new List<ClassifyStreamResponse>();
        RpcException exception = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(Token))
            {
                replies.Add(call.ResponseStream.Current);
            }
        });
        await stopped;

        Assert.Equal((StatusCode.Unavailable, "the server is draining"), (exception.StatusCode, exception.Status.Detail));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), replies.Select(reply => reply.Id).Order());
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20), "the stop waited for the stream");
    }

    [Fact]
    public async Task ClassifyStream_MessageOverTheLimit_EndsTheStreamAfterTheOthers()
    {
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call =
            fixture.One.Client.ClassifyStream(deadline: TestServer.Deadline, cancellationToken: Token);
        await call.RequestStream.WriteAsync(Request(1), Token);
        Task large = call.RequestStream.WriteAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(new byte[9_000_000]) }, Token);

        Assert.True(await call.ResponseStream.MoveNext(Token));
        Assert.Equal("1", call.ResponseStream.Current.Id);
        RpcException exception = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Token));
        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Contains("8454144", exception.Status.Detail, StringComparison.Ordinal);
        await Task.WhenAny(large);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFF }, false, "lcnet.v1.Classifier")]
    [InlineData(new byte[] { 0x0A, 0x02, 0xC3, 0x28 }, false, "lcnet.v1.Classifier")]
    [InlineData(new byte[] { 1, 2, 3 }, true, "lcnet.v1.Classifier")]
    public async Task ClassifyStream_UnreadableMessage_IsInvalid(byte[] message, bool compressed, string word)
    {
        byte[] body = [.. RawRequest.Frame(Request(1).ToByteArray()), .. RawRequest.Frame(message, compressed)];

        (string? status, string? detail) = await RawRequest.PostAsync(fixture.One, "/lcnet.v1.Classifier/ClassifyStream", body, ("grpc-encoding", "gzip"));

        Assert.Equal("3", status);
        Assert.Contains(word, detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClassifyStream_BodyCutShort_IsInvalid()
    {
        byte[] body = RawRequest.Frame(Request(1).ToByteArray());

        (string? status, string? detail) = await RawRequest.PostAsync(fixture.One, "/lcnet.v1.Classifier/ClassifyStream", body[..^1]);

        Assert.Equal("3", status);
        Assert.Contains("Incomplete", detail, StringComparison.Ordinal);
    }

    internal static Task<ClassifyStreamResponse[]> StreamAsync(TestServer server, params ClassifyRequest[] requests) =>
        StreamAsync(server.Client, [], requests);

    // Sends and receives at the same time, and half-closes after the last request.
    internal static async Task<ClassifyStreamResponse[]> StreamAsync(
        Classifier.ClassifierClient client, Metadata headers, params ClassifyRequest[] requests)
    {
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call =
            client.ClassifyStream(headers, TestServer.Deadline, Token);
        async Task SendAsync()
        {
            foreach (ClassifyRequest request in requests)
            {
                await call.RequestStream.WriteAsync(request, Token);
            }

            await call.RequestStream.CompleteAsync();
        }

        Task sending = SendAsync();
        var replies = new List<ClassifyStreamResponse>();
        while (await call.ResponseStream.MoveNext(Token))
        {
            replies.Add(call.ResponseStream.Current);
        }

        await sending;
        return [.. replies];
    }

    private Task<TestServer> StartAsync(StreamSpy spy, params string[] settings) => TestServer.StartAsync(
        fixture.OneModel,
        services => services.AddSingleton(spy).Configure<GrpcServiceOptions>(options => options.Interceptors.Add<StreamSpy>()),
        settings);

    // Files and tensors in turn, each seed another image.
    private ClassifyRequest Request(int seed)
    {
        ClassifyRequest request = seed % 2 == 0 ? TestImages.Png(seed) : new ClassifyRequest { Tensor = TestImages.Tensor(fixture.Bundle.Manifest.Input, seed) };
        request.Id = $"{seed}";
        return request;
    }
}
