using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>Loads the models once the server listens, so that its health can be asked for meanwhile, and logs how it starts and stops.</summary>
internal sealed class ModelLoader(
    ServerOptions options,
    Serving serving,
    ServerMetrics metrics,
    ServerEndpoints endpoints,
    TimeProvider time,
    ILogger<ModelLoader> logger) : IHostedLifecycleService
{
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        // What is let in is not refused by the engine any more.
        var engine = new EngineOptions
        {
            Device = options.Device,
            Executor = options.Executor,
            Workers = options.Workers,
            MaxQueue = options.MaxUnderWay,
            MaxBatch = options.BatchMaxImages,
            MaxDelay = options.BatchMaxDelay,
            FlopsBudget = options.BatchMaxFlops,
        };
        var models = new ModelCatalog(ModelRepository.Load(Path.GetFullPath(options.Models), engine), options, time);
        metrics.Begin(models);
        serving.Begin(models);
        string all = models.ToString();
        Log.Serving(logger, all, models.All[0].Engine.Device, endpoints.Grpc, endpoints.Http);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        Log.Draining(logger);
        return Task.CompletedTask;
    }

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        Log.Stopped(logger);
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
