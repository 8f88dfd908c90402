using Inference;
using LCNet.Server.Models;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LCNet.Server.Hosting;

/// <summary>Health over gRPC (grpc.health.v1, for the server as a whole and for each of its services) and over HTTP.</summary>
internal static class HealthExtensions
{
    /// <summary>Path that answers while the process does.</summary>
    public const string LivenessPath = "/healthz";

    /// <summary>Path that says whether calls are taken.</summary>
    public const string ReadinessPath = "/readyz";

    /// <summary>Path of the gRPC service.</summary>
    public const string GrpcPath = "/grpc.health.v1.Health";

    /// <summary>Full name of the call that asks once.</summary>
    public const string CheckMethod = GrpcPath + "/Check";

    /// <summary>What is said of the health of a service that there is not.</summary>
    public static readonly string NoService = $"service: there is none of this name; known are {V1.Classifier.Descriptor.FullName}, {GRPCInferenceService.Descriptor.FullName} and, for the server as a whole, the empty name";

    /// <summary>Adds the readiness check.</summary>
    public static IServiceCollection AddServerHealth(this IServiceCollection services)
    {
        services
            .AddGrpcHealthChecks(options =>
            {
                options.Services.Map(V1.Classifier.Descriptor.FullName, _ => true);
                options.Services.Map(GRPCInferenceService.Descriptor.FullName, _ => true);
            })
            .AddCheck<ReadinessCheck>("models");

        // How soon those who watch learn of a change.
        services.Configure<HealthCheckPublisherOptions>(options =>
        {
            options.Delay = TimeSpan.Zero;
            options.Period = TimeSpan.FromSeconds(1);
        });
        return services;
    }
}

/// <summary>Healthy while calls are taken.</summary>
internal sealed class ReadinessCheck(ModelRegistry registry) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(registry.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("no model is loaded yet, the device has failed, or the server is draining"));
}
