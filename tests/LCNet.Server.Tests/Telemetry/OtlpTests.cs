using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using LCNet.Server.Tests.Otlp;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>The server's telemetry as a collector gets it.</summary>
public sealed class OtlpTests(ServerFixture fixture)
{
    private const int Error = 2;
    private int GateSpans => fixture.Bundle.Manifest.Spans.Count;

    [Fact]
    public async Task Export_ImageThatRanTwice_HasASpanOfItsShadowAndMeasurementsThatNameTheTrace()
    {
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        using RunningServer server = await RunningServer.StartAsync(
            fixture.OneModel, OtlpReceiver.Variables(("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.Grpc), ("OTEL_METRIC_EXPORT_INTERVAL", "200")), "--LCNet:ShadowRate=1");
        using var caller = new CallerTrace();
        string trace;
        using (Activity root = caller.Start())
        {
            trace = root.TraceId.ToHexString();
            await server.ClassifyAsync(TestImages.Png(1));
        }

        IReadOnlyList<Otlp.Exemplar> exemplars = await Eventually.GetAsync(
            () => Task.FromResult<IReadOnlyList<Otlp.Exemplar>>([.. receiver.Metric("lcnet.shadow.divergence")?.Histogram.Points.SelectMany(point => point.Exemplars) ?? []]), found => found.Count > 0);
        Otlp.Exemplar exemplar = Assert.Single(exemplars);
        Assert.Equal(trace, OtlpReceiver.Hex(exemplar.TraceId));
        Span[] shadows = await Eventually.GetAsync(
            () => Task.FromResult(receiver.Spans.Where(span => OtlpReceiver.Hex(span.TraceId) == trace && span.Name == "shadow").ToArray()), found => found.Length > 0);
        Span shadow = Assert.Single(shadows);
        Assert.Equal(shadow.SpanId, exemplar.SpanId);
    }

    [Theory]
    [InlineData("grpc")]
    [InlineData("http/protobuf")]
    public async Task Export_CallOfAClient_GivesSpansUnderTheCallersAndTrueFlops(string protocol)
    {
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, OtlpReceiver.Variables(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", protocol == "grpc" ? receiver.Grpc : receiver.Http), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), ("OTEL_SERVICE_NAME", "tested")));
        using var caller = new CallerTrace();
        ClassifyResponse reply;
        string trace;
        using (Activity root = caller.Start())
        {
            trace = root.TraceId.ToHexString();
            reply = await server.ClassifyAsync(TestImages.Png(1));
        }

        Span[] spans = await receiver.SpansAsync(trace);
        Span parent = Assert.Single(spans, span => span.Kind == OtlpReceiver.Server);
        Activity[] ancestry = [.. caller.Ancestry(OtlpReceiver.Hex(parent.ParentSpanId))];
        Assert.Equal("backend", ancestry[^1].OperationName);
        Assert.True(ancestry.Length > 1, "The span of the client's request is missing.");
        Span[] children = [.. spans.Where(span => span != parent).OrderBy(span => span.StartNanoseconds)];
        Assert.All(children, span => Assert.Equal(parent.SpanId, span.ParentSpanId));
        Assert.All(children, span => Assert.InRange(span.StartNanoseconds, parent.StartNanoseconds, span.EndNanoseconds));
        Assert.All(children, span => Assert.InRange(span.EndNanoseconds, span.StartNanoseconds, parent.EndNanoseconds));
        Assert.Equal(
            ["queue", "decode", "stem", .. Enumerable.Repeat<string[]>(["gate", "blocks"], GateSpans).SelectMany(pair => pair), "head"],
            children.Select(span => span.Name));
        AssertFlops(reply.Compute, parent, children);
        Assert.Equal("tested", receiver.Service["service.name"]);
    }

    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "none")]
    public async Task Export_KnownLoad_CountersEqualTheReplies(string endpoint, string traces)
    {
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        using RunningServer server = await RunningServer.StartAsync(
            fixture.OneModel,
            OtlpReceiver.Variables((endpoint, receiver.Grpc), ("OTEL_TRACES_EXPORTER", traces), ("OTEL_METRIC_EXPORT_INTERVAL", "200")));
        ClassifyResponse[] replies = await server.ClassifyManyAsync(50, ServerFixture.Model);

        await Eventually.GetAsync(() => Task.FromResult(Sum(receiver, "lcnet.requests")), sum => sum == replies.Length);
        Assert.Equal(replies.Length, Sum(receiver, "lcnet.requests"));
        Assert.Equal(replies.Sum(reply => reply.Compute.DenseFlops), Sum(receiver, "lcnet.flops.dense"));
        Assert.Equal(replies.Sum(reply => reply.Compute.PlannedFlops), Sum(receiver, "lcnet.flops.planned"));
        Assert.Equal(replies.Sum(reply => reply.Compute.ExecutedFlops), Sum(receiver, "lcnet.flops.executed"));
        Assert.Equal(replies.Sum(reply => reply.Compute.Blocks.Sum(block => block.ChannelsRetained)), Sum(receiver, "lcnet.block.channels"));
        Otlp.Histogram durations = Assert.Single(receiver.Metric("lcnet.request.duration")!.Histogram.Points);
        Assert.Equal((ulong)replies.Length, durations.Count);
        Assert.Equal((0.0001, 10), (durations.Bounds[0], durations.Bounds[^1]));
        Assert.Equal("s", receiver.Metric("lcnet.request.duration")!.Unit);

        // Only metrics were asked for.
        Assert.Empty(receiver.Spans);
    }

    [Fact]
    public async Task Export_CallerThatDoesNotSample_GivesNoSpans()
    {
        const string Unsampled = "11111111111111111111111111111111";
        const string Sampled = "22222222222222222222222222222222";
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, OtlpReceiver.Variables(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.Grpc)));
        await server.ClassifyAsync(TestImages.Png(1), new Metadata { { "traceparent", $"00-{Unsampled}-1111111111111111-00" } });
        await server.ClassifyAsync(TestImages.Png(1), new Metadata { { "traceparent", $"00-{Sampled}-2222222222222222-01" } });

        Span[] spans = await receiver.SpansAsync(Sampled);
        Assert.Equal("2222222222222222", OtlpReceiver.Hex(Assert.Single(spans, span => span.Kind == OtlpReceiver.Server).ParentSpanId));
        Assert.DoesNotContain(receiver.Spans, span => OtlpReceiver.Hex(span.TraceId) == Unsampled);
    }

    [Fact]
    public async Task Export_RefusedCalls_SayWhetherItIsTheServersFault()
    {
        const string Mistake = "33333333333333333333333333333333";
        const string Expired = "44444444444444444444444444444444";
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, OtlpReceiver.Variables(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.Grpc)));
        ClassifyRequest wrong = TestImages.Png(1);
        wrong.TopK = 99;
        await Assert.ThrowsAsync<RpcException>(() => server.ClassifyAsync(wrong, new Metadata { { "traceparent", $"00-{Mistake}-1111111111111111-01" } }));

        // Takes far longer to send and decode than its deadline allows; the server may end the call before it has read all of it.
        var slow = new ClassifyRequest { EncodedImage = ByteString.CopyFrom(TestImages.Encode(SKEncodedImageFormat.Png, 1, 1500)) };
        await Record.ExceptionAsync(() => RawRequest.PostAsync(
            server.GrpcAddress, RawRequest.Classify, RawRequest.Frame(slow.ToByteArray()), ("traceparent", $"00-{Expired}-1111111111111111-01"), ("grpc-timeout", "1m")));

        Span mistake = Assert.Single(await receiver.SpansAsync(Mistake), span => span.Kind == OtlpReceiver.Server);
        Assert.Equal("INVALID_ARGUMENT", OtlpReceiver.Read(mistake.Attributes)["rpc.response.status_code"]);
        Assert.NotEqual(Error, mistake.Status?.Code ?? 0);
        Span expired = Assert.Single(await receiver.SpansAsync(Expired), span => span.Kind == OtlpReceiver.Server);
        Assert.Equal("DEADLINE_EXCEEDED", OtlpReceiver.Read(expired.Attributes)["rpc.response.status_code"]);
        Assert.Equal(Error, expired.Status?.Code ?? 0);
    }

    private static void AssertFlops(Compute compute, Span parent, Span[] children)
    {
        IReadOnlyDictionary<string, object> attributes = OtlpReceiver.Read(parent.Attributes);
        Assert.Equal(("grpc", "lcnet.v1.Classifier/Classify", "OK"), (attributes["rpc.system.name"], attributes["rpc.method"], attributes["rpc.response.status_code"]));
        Assert.DoesNotContain("grpc.status_code", attributes.Keys);
        Assert.Equal(ServerFixture.Model, attributes["lcnet.model"]);
        Assert.Equal(compute.Effort, attributes["lcnet.effort"]);
        Assert.Equal(compute.DenseFlops, attributes["lcnet.flops.dense"]);
        Assert.Equal(compute.PlannedFlops, attributes["lcnet.flops.planned"]);
        Assert.Equal(compute.ExecutedFlops, attributes["lcnet.flops.executed"]);
        Assert.Equal(compute.GateFlops, OtlpReceiver.Sum(children.Where(span => span.Name == "gate"), "lcnet.flops"));
        Assert.Equal(compute.ExecutedFlops, OtlpReceiver.Sum(children.Where(span => span.Name is "stem" or "gate" or "blocks" or "head"), "lcnet.flops"));
        Assert.Equal(compute.Blocks.Count(block => block.Executed), OtlpReceiver.Sum(children.Where(span => span.Name == "blocks"), "lcnet.block.executions"));
        Assert.Equal(compute.Blocks.Sum(block => block.ChannelsRetained), OtlpReceiver.Sum(children.Where(span => span.Name == "blocks"), "lcnet.block.channels"));
    }

    private static long Sum(OtlpReceiver receiver, string name) => receiver.Metric(name)?.Sum.Points.Sum(point => point.AsInt) ?? 0;
}
