using LCNet.Server.Admission;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Hosting;
using LCNet.Server.LivePage;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Classifier;
using LCNet.Server.Protocols.Http;
using LCNet.Server.Protocols.OpenInference;
using LCNet.Server.Protocols.Repository;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace LCNet.Server;

/// <summary>Every middleware, in the order in which a request meets them, and every endpoint. None is added elsewhere.</summary>
internal static class Pipeline
{
    /// <summary>Adds all middlewares and endpoints.</summary>
    public static void Build(WebApplication app)
    {
        ServerOptions options = app.Services.GetRequiredService<ServerOptions>();

        // First: who is turned away is no request that is measured, and costs as little as can be.
        if (options.AsksForCaller)
        {
            app.UseAuthentication();
            app.UseAuthorization();
        }

        // What the framework answers with a bare status, such as that there is no such path, gets a body in JSON.
        ServerEndpoints endpoints = app.Services.GetRequiredService<ServerEndpoints>();
        app.UseWhen(
            context => !endpoints.IsGrpc(context),
            http => http.UseStatusCodePages(answered => HttpErrors.WriteAsync(answered.HttpContext, HttpErrors.Of(answered.HttpContext))));

        // Next, so that nobody learns without a key what there is on the other port.
        app.UseMiddleware<ListenerMiddleware>();

        app.UseWhen(context => context.Request.Path.StartsWithSegments(InferEndpoints.BasePath), inference => inference.UseResponseCompression());

        // Outside of whatever changes a status, so that what is counted is what the caller sees.
        app.UseMiddleware<RequestMeasurementMiddleware>();

        // Around all that answers, so that a server that stops waits for the answer to be written.
        app.UseMiddleware<CallDrainMiddleware>();

        // Before anything of the request's body is read.
        app.UseMiddleware<LoadSheddingMiddleware>();

        // Puts itself between Kestrel and gRPC, which reads the body next.
        app.UseMiddleware<ReceiveBudgetMiddleware>();

        // Innermost, one for each kind of endpoint: what an endpoint of the HTTP port throws becomes its reply.
        app.UseMiddleware<HttpErrorMiddleware>();

        // And it puts right the statuses that gRPC gives to what it could not read.
        app.UseMiddleware<GrpcStatusMiddleware>();

        app.MapGrpcService<ClassifierService>();
        app.MapGrpcService<OpenInferenceService>();
        app.MapGrpcReflectionService();
        app.MapGrpcHealthChecksService().AllowAnonymous();

        RouteGroupBuilder http = app.MapGroup(string.Empty).WithMetadata(new HttpPortOnly());
        http.MapHealthChecks(HealthExtensions.LivenessPath, new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous();
        http.MapHealthChecks(HealthExtensions.ReadinessPath).AllowAnonymous();

        http.MapOnly(HttpMethods.Post, ClassifyEndpoint.Path, app.Services.GetRequiredService<ClassifyEndpoint>().AnswerAsync).WithMetadata(new MeasuredAttribute());
        app.Services.GetRequiredService<InferEndpoints>().Map(http);
        http.MapOnly(HttpMethods.Get, OpenApiEndpoint.Path, OpenApiEndpoint.AnswerAsync);

        RouteGroupBuilder operators = http.MapGroup(string.Empty);
        if (options.AsksForCaller)
        {
            operators.RequireAuthorization(SecurityExtensions.OperatorPolicy);
        }

        if (app.Services.GetRequiredService<TelemetryOptions>().IsEnabled)
        {
            operators.MapPrometheusScrapingEndpoint(TelemetryExtensions.MetricsPath).DisableHttpMetrics();
        }

        if (options.ModelControl == ModelControl.Explicit)
        {
            operators.MapModelRepository();
        }

        if (options.Page)
        {
            operators.MapLivePage();
        }
    }
}
