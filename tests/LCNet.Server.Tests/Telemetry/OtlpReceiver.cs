using System.Collections.Concurrent;
using System.Net;
using Google.Protobuf;
using LCNet.Server.Tests.Otlp;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LCNet.Server.Tests;

/// <summary>Takes spans and metrics as an OpenTelemetry collector does, over gRPC and over HTTP.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    /// <summary>Kind of a span that answers a call.</summary>
    public const int Server = 2;

    private const int FramePrefix = 5;
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Span> _spans = new();
    private volatile MetricExport _metrics = new();

    private OtlpReceiver()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        _app = builder.Build();
        _app.Run(ReceiveAsync);
    }

    /// <summary>Where gRPC is taken.</summary>
    public string Grpc => Address(0);

    /// <summary>Where HTTP is taken.</summary>
    public string Http => Address(1);

    /// <summary>Attributes of the service that sent spans last.</summary>
    public IReadOnlyDictionary<string, object> Service { get; private set; } = new Dictionary<string, object>();

    /// <summary>Every span so far.</summary>
    public IReadOnlyCollection<Span> Spans => _spans;

    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver();
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>Attributes by name.</summary>
    public static IReadOnlyDictionary<string, object> Read(IEnumerable<Otlp.Attribute> attributes) => attributes.ToDictionary(
        attribute => attribute.Key,
        attribute => (object)(attribute.Value.ValueCase switch
        {
            Value.ValueOneofCase.Whole => attribute.Value.Whole,
            Value.ValueOneofCase.Real => attribute.Value.Real,
            Value.ValueOneofCase.Flag => attribute.Value.Flag,
            _ => attribute.Value.Text,
        }));

    /// <summary>An attribute of some spans, added up.</summary>
    public static long Sum(IEnumerable<Span> spans, string attribute) => spans.Sum(span => (long)Read(span.Attributes)[attribute]);

    public static string Hex(ByteString id) => Convert.ToHexStringLower(id.Span);

    /// <summary>Environment of a server that sends its spans soon.</summary>
    public static Dictionary<string, string> Variables(params (string Name, string Value)[] variables) =>
        new(variables.Select(variable => KeyValuePair.Create(variable.Name, variable.Value))) { ["OTEL_BSP_SCHEDULE_DELAY"] = "100" };

    /// <summary>The spans of a trace, once that of the whole call is there: it ends last.</summary>
    public Task<Span[]> SpansAsync(string trace) => Eventually.GetAsync(
        () => Task.FromResult(Spans.Where(span => Hex(span.TraceId) == trace).ToArray()),
        spans => spans.Any(span => span.Kind == Server));

    /// <summary>A metric of the last export; null where it has none of that name.</summary>
    public Metric? Metric(string name) => _metrics.Resources.SelectMany(resource => resource.Scopes)
        .Where(scope => scope.Scope.Name == "LCNet.Serving").SelectMany(scope => scope.Metrics).SingleOrDefault(metric => metric.Name == name);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private string Address(int index) => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ElementAt(index);

    private async Task ReceiveAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        bool grpc = context.Request.Protocol == HttpProtocol.Http2;
        byte[] message = body.ToArray()[(grpc ? FramePrefix : 0)..];
        switch (context.Request.Path)
        {
            case "/opentelemetry.proto.collector.trace.v1.TraceService/Export" when grpc:
            case "/v1/traces" when !grpc:
                Keep(TraceExport.Parser.ParseFrom(message));
                break;
            case "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" when grpc:
            case "/v1/metrics" when !grpc:
                _metrics = MetricExport.Parser.ParseFrom(message);
                break;
            default:
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
        }

        // An empty message: everything was taken.
        context.Response.ContentType = grpc ? "application/grpc" : "application/x-protobuf";
        if (grpc)
        {
            context.Response.DeclareTrailer("grpc-status");
            await context.Response.Body.WriteAsync(new byte[FramePrefix]);
            context.Response.AppendTrailer("grpc-status", "0");
        }
    }

    private void Keep(TraceExport export)
    {
        foreach (ResourceSpans resource in export.Resources)
        {
            Service = Read(resource.Resource.Attributes);
            foreach (Span span in resource.Scopes.SelectMany(scope => scope.Spans))
            {
                _spans.Enqueue(span);
            }
        }
    }
}
