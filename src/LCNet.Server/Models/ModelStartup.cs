using LCNet.Server.Configuration;
using LCNet.Server.Hosting;

namespace LCNet.Server.Models;

/// <summary>Loads the models once the server listens, so that its health can be asked for meanwhile, and logs how it starts and stops.</summary>
internal sealed class ModelStartup(
    ServerOptions options,
    ModelManager models,
    ServerEndpoints endpoints,
    ILogger<ModelStartup> logger) : IHostedLifecycleService
{
    // A server that could not start says why, and nothing of stopping.
    private bool _isServing;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        ModelCatalog shown = models.Begin();
        string all = shown.ToString();
        string device = shown.All.Count > 0 ? shown.All[0].Engine.Device : options.Device;
        Log.Serving(logger, all, device, endpoints.Grpc, endpoints.Http);
        _isServing = true;
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (_isServing)
        {
            Log.Draining(logger);
        }

        return Task.CompletedTask;
    }

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        if (_isServing)
        {
            Log.Stopped(logger);
        }

        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
