using System.Runtime.CompilerServices;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;

namespace LCNet.Server.Models;

/// <summary>Looks after models whose device has failed: it tries an image every second and, where that fails too and the options say so, moves the model to the CPU.</summary>
internal sealed class DeviceGuard(ServerOptions options, ModelRegistry registry, ModelManager models, TimeProvider time, ILogger<DeviceGuard> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly ConditionalWeakTable<ServedModel, object> _moved = [];

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                foreach (ServedModel model in registry.Shown?.All.Where(model => model.Health.HasFailed) ?? [])
                {
                    Recover(model);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // A host that is disposed without being stopped would report it as a failure.
        }
    }

    private void Recover(ServedModel model)
    {
        if (!model.TryUse())
        {
            return;
        }

        try
        {
            model.Probe();
            Log.DeviceRecovered(logger, model.Name, model.Engine.Device);
        }
        catch (Exception exception)
        {
            // Once a model: where the CPU does not take it either, trying again would not help.
            if (options.FallbackToCpu && model.Engine.Device != "cpu" && _moved.TryAdd(model, this))
            {
                Log.FellBack(logger, model.Engine.Device, exception.Message);
                models.FallBack(model);
            }
        }
        finally
        {
            model.EndUse();
        }
    }
}
