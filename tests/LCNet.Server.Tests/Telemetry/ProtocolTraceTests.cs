using Grpc.Core;
using Inference;
using LCNet.Server.Tests.Otlp;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>The spans of calls that carry many images, as a collector gets them.</summary>
public sealed class ProtocolTraceTests(ServerFixture fixture)
{
    private static readonly string[] Segments = ["stem", "gate", "blocks", "head"];

    [Fact]
    public async Task ModelInfer_Batch_HasASpanForEachImageUnderTheCalls()
    {
        const string Trace = "55555555555555555555555555555555";
        const int Images = 5;
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        using RunningServer server = await RunningServer.StartAsync(
            fixture.OneModel, OtlpReceiver.Variables(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.Grpc)));

        ModelInferResponse reply = await new InferClient(server.Channel).Calls.ModelInferAsync(
            InferClient.Images(raw: true, [.. Enumerable.Range(0, Images).Select(seed => TestImages.Encode(SKEncodedImageFormat.Png, seed))]),
            Headers(Trace),
            TestServer.Deadline,
            TestContext.Current.CancellationToken);

        Span[] spans = await receiver.SpansAsync(Trace);
        Span call = Assert.Single(spans, span => span.Kind == OtlpReceiver.Server);
        Span[] images = [.. spans.Where(span => span.Name == "image")];
        Assert.All(images, image => Assert.Equal(call.SpanId, image.ParentSpanId));
        Assert.Equal(Enumerable.Range(0, Images).Select(i => (long)i), images.Select(image => (long)OtlpReceiver.Read(image.Attributes)["lcnet.image"]).Order());
        long[] executed = InferClient.Longs(reply, "executed_flops");
        foreach (Span image in images)
        {
            Span[] children = [.. spans.Where(span => span.ParentSpanId == image.SpanId)];
            Assert.Equal(["queue", "decode", "stem"], children.OrderBy(span => span.StartNanoseconds).Take(3).Select(span => span.Name));
            Assert.Equal(executed[(long)OtlpReceiver.Read(image.Attributes)["lcnet.image"]], FlopsOf(children));
        }

        IReadOnlyDictionary<string, object> attributes = OtlpReceiver.Read(call.Attributes);
        Assert.Equal((ServerFixture.Model, "3", (long)Images), (attributes["lcnet.model"], attributes["lcnet.version"], attributes["lcnet.images"]));
        Assert.Equal(("inference.GRPCInferenceService/ModelInfer", "OK"), (attributes["rpc.method"], attributes["rpc.response.status_code"]));
        Assert.All(
            new[] { "dense", "planned", "executed" },
            kind => Assert.Equal(reply.Parameters[$"{kind}_flops"].Int64Param, attributes[$"lcnet.flops.{kind}"]));
        Assert.Equal(reply.Parameters["gate_flops"].Int64Param, attributes["lcnet.flops.gates"]);
    }

    [Fact]
    public async Task ClassifyStream_Requests_HaveSpansOfTheirOwnUnderTheStreams()
    {
        const string Trace = "66666666666666666666666666666666";
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        using RunningServer server = await RunningServer.StartAsync(
            fixture.OneModel, OtlpReceiver.Variables(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.Grpc)));

        ClassifyStreamResponse[] replies = await ClassifyStreamTests.StreamAsync(
            server.Client, Headers(Trace), TestImages.Png(1), new ClassifyRequest(), TestImages.Png(2), TestImages.Png(3));

        Span[] spans = await receiver.SpansAsync(Trace);
        Span call = Assert.Single(spans, span => span.Kind == OtlpReceiver.Server);
        Span[] requests = [.. spans.Where(span => span.Name == "request")];
        Assert.All(requests, request => Assert.Equal(call.SpanId, request.ParentSpanId));
        IReadOnlyDictionary<string, object>[] answered =
            [.. requests.Select(request => OtlpReceiver.Read(request.Attributes)).Where(request => request.ContainsKey("lcnet.flops.executed"))];
        Assert.Equal(["INVALID_ARGUMENT", "OK", "OK", "OK"], requests.Select(request => OtlpReceiver.Read(request.Attributes)["rpc.response.status_code"]).Order());
        Assert.Equal(
            replies.Where(reply => reply.Error is null).Select(reply => reply.Response.Compute.ExecutedFlops).Order(),
            answered.Select(request => (long)request["lcnet.flops.executed"]).Order());
        foreach (Span request in requests)
        {
            object flops = OtlpReceiver.Read(request.Attributes).GetValueOrDefault("lcnet.flops.executed") ?? 0L;
            Assert.Equal(flops, FlopsOf(spans.Where(span => span.ParentSpanId == request.SpanId)));
        }

        Assert.Equal("OK", OtlpReceiver.Read(call.Attributes)["rpc.response.status_code"]);
    }

    private static Metadata Headers(string trace) => new() { { "traceparent", $"00-{trace}-1111111111111111-01" } };

    private static long FlopsOf(IEnumerable<Span> spans) => OtlpReceiver.Sum(spans.Where(span => Segments.Contains(span.Name)), "lcnet.flops");
}
