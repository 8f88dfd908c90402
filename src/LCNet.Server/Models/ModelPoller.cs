using LCNet.Server.Configuration;
using LCNet.Server.Hosting;

namespace LCNet.Server.Models;

/// <summary>Looks at the models' folder again and again.</summary>
internal sealed class ModelPoller(ServerOptions options, ModelRegistry registry, ModelManager models, TimeProvider time, ILogger<ModelPoller> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        string? problem = null;
        try
        {
            while (true)
            {
                // From the end of a look: loading may take longer.
                await Task.Delay(options.ModelPollInterval, time, stoppingToken).ConfigureAwait(false);
                string? before = problem;
                problem = registry.Shown is null ? null : Poll();
                if (problem is not null && problem != before)
                {
                    Log.ModelsUnreadable(logger, problem);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // A host that is disposed without being stopped would report it as a failure.
        }
    }

    // A folder that cannot be read for a while, on a network for example, is no reason to unload anything.
    private string? Poll()
    {
        try
        {
            models.Poll();
            return null;
        }
        catch (Exception exception)
        {
            return exception.Message.ReplaceLineEndings(" ");
        }
    }
}
