using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LCNet.Server;

/// <summary>Healthy while calls are taken.</summary>
internal sealed class ReadinessCheck(Serving serving) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(serving.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the models are being loaded, or the server is draining"));
}
