using System.Diagnostics.Metrics;
using LCNet.Runtime.Engine;
using LCNet.Server.Hosting;
using LCNet.Server.LivePage;
using LCNet.Server.Security;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LCNet.Server.Telemetry;

/// <summary>Adds metrics and traces, and their ways out: <c>/metrics</c> for Prometheus, and OTLP where an endpoint is configured.</summary>
internal static class TelemetryExtensions
{
    /// <summary>Path of the metrics, in Prometheus's format.</summary>
    public const string MetricsPath = "/metrics";

    // .NET's own: memory, garbage collection, thread pool.
    private const string RuntimeMeter = "System.Runtime";

    private const string ServiceName = "lcnet";
    private const string ExemplarFilter = "OTEL_METRICS_EXEMPLAR_FILTER";

    /// <summary>Adds what measures, and what exports.</summary>
    public static IServiceCollection AddServerTelemetry(this IServiceCollection services, TelemetryOptions options)
    {
        services.AddMetrics();
        services.AddSingleton(options);
        services.AddSingleton(provider =>
        {
            // Counters that begin at 0 do so where those who export them are there.
            provider.GetService<MeterProvider>();
            return ActivatorUtilities.CreateInstance<ServerMetrics>(provider);
        });
        if (!options.IsEnabled)
        {
            return services;
        }

        OpenTelemetryBuilder telemetry = services
            .AddOpenTelemetry()
            .ConfigureResource(DescribeService)
            .WithMetrics(metrics => AddMetrics(metrics, options.Metrics));

        // A provider hears every meter of the process that has the name: those of another server too, whose end would be taken for the end of ours.
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) =>
        {
            IMeterFactory meters = provider.GetRequiredService<IMeterFactory>();
            if (string.IsNullOrWhiteSpace(provider.GetRequiredService<IConfiguration>()[ExemplarFilter]))
            {
                // The specification's default, which is not .NET's: measurements name the trace that they were made in.
                metrics.SetExemplarFilter(ExemplarFilterType.TraceBased);
            }

            metrics.AddView(instrument => instrument.Meter.Name == ServerMetrics.MeterName && !ReferenceEquals(instrument.Meter.Scope, meters) ? MetricStreamConfiguration.Drop : null);
        });
        if (options.Traces is not null)
        {
            telemetry.WithTracing(tracing => AddTraces(tracing, options.Traces));
        }

        return services;
    }

    // The variables go last, so that they win.
    private static void DescribeService(ResourceBuilder resource) => resource
        .Clear()
        .AddService(ServiceName, serviceVersion: typeof(TelemetryExtensions).Assembly.GetName().Version?.ToString(3))
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();

    private static void AddMetrics(MeterProviderBuilder metrics, OtlpTarget? target)
    {
        metrics.AddMeter(ServerMetrics.MeterName, RuntimeMeter).AddPrometheusExporter();
        if (target is not null)
        {
            metrics.AddOtlpExporter("metrics", target.Apply);
        }
    }

    private static void AddTraces(TracerProviderBuilder tracing, OtlpTarget target) => tracing
        .AddSource(ImageActivities.SourceName)
        .AddAspNetCoreInstrumentation(options => options.Filter = IsTraced)
        .AddOtlpExporter("traces", target.Apply);

    // What a supervisor or a page asks every few seconds is not worth a span.
    private static bool IsTraced(HttpContext context) =>
        !context.Request.Path.StartsWithSegments(HealthExtensions.LivenessPath)
        && !context.Request.Path.StartsWithSegments(HealthExtensions.ReadinessPath)
        && !context.Request.Path.StartsWithSegments(HealthExtensions.GrpcPath)
        && !context.Request.Path.StartsWithSegments(MetricsPath)
        && !context.Request.Path.StartsWithSegments(LivePageExtensions.FiguresPath);
}
