using LCNet.V1;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LCNet.Server;

/// <summary>Health over gRPC (grpc.health.v1, for the server as a whole and for the classifier) and over HTTP.</summary>
internal static class HealthExtensions
{
    /// <summary>Adds the readiness check.</summary>
    public static IServiceCollection AddServerHealth(this IServiceCollection services)
    {
        services
            .AddGrpcHealthChecks(options => options.Services.Map(Classifier.Descriptor.FullName, _ => true))
            .AddCheck<ReadinessCheck>("models");

        // How soon those who watch learn of a change.
        services.Configure<HealthCheckPublisherOptions>(options =>
        {
            options.Delay = TimeSpan.Zero;
            options.Period = TimeSpan.FromSeconds(1);
        });
        return services;
    }

    /// <summary>Maps <c>grpc.health.v1</c>, <c>/healthz</c> (the process answers) and <c>/readyz</c> (calls are taken).</summary>
    public static void MapServerHealth(this WebApplication app)
    {
        app.MapGrpcHealthChecksService();
        app.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks("/readyz");
    }
}
