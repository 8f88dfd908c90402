using LCNet.Server.Admission;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Hosting;
using LCNet.Server.LivePage;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Classifier;
using LCNet.Server.Protocols.OpenInference;
using LCNet.Server.Protocols.Repository;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace LCNet.Server;

/// <summary>Every middleware, in the order in which a request meets them, and every endpoint. None is added elsewhere.</summary>
internal static class Pipeline
{
    /// <summary>Adds all of them.</summary>
    public static void Build(WebApplication app)
    {
        // First: who is turned away is no request that is measured, and costs as little as can be.
        app.UseMiddleware<AccessControlMiddleware>();

        // Outside of whatever changes a status, so that what is counted is what the caller sees.
        app.UseMiddleware<RequestMeasurementMiddleware>();

        // Around all that answers, so that a server that stops waits for the answer to be written.
        app.UseMiddleware<CallDrainMiddleware>();

        // Before anything of the request's body is read.
        app.UseMiddleware<LoadSheddingMiddleware>();

        // Puts itself between Kestrel and gRPC, which reads the body next.
        app.UseMiddleware<ReceiveBudgetMiddleware>();

        // Innermost: it puts right the statuses that gRPC gives to what it could not read.
        app.UseMiddleware<GrpcStatusMiddleware>();

        app.MapGrpcService<ClassifierService>();
        app.MapGrpcService<OpenInferenceService>();
        app.MapGrpcReflectionService();
        app.MapGrpcHealthChecksService().WithMetadata(EndpointAccess.GrpcHealth);

        app.MapHealthChecks(HealthExtensions.LivenessPath, new HealthCheckOptions { Predicate = _ => false }).WithMetadata(EndpointAccess.HttpHealth);
        app.MapHealthChecks(HealthExtensions.ReadinessPath).WithMetadata(EndpointAccess.HttpHealth);
        if (app.Services.GetRequiredService<TelemetryOptions>().IsEnabled)
        {
            app.MapPrometheusScrapingEndpoint(TelemetryExtensions.MetricsPath).DisableHttpMetrics().WithMetadata(EndpointAccess.Management);
        }

        ServerOptions options = app.Services.GetRequiredService<ServerOptions>();
        if (options.ModelControl == ModelControl.Explicit)
        {
            app.MapModelRepository();
        }

        if (options.Page)
        {
            app.MapLivePage();
        }
    }
}
