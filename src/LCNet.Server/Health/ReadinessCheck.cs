using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LCNet.Server;

/// <summary>Healthy while calls are taken.</summary>
internal sealed class ReadinessCheck(ModelRegistry registry) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(registry.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("no model is loaded yet, the device has failed, or the server is draining"));
}
