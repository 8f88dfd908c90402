namespace LCNet.Server;

/// <summary>Looks for changes of files with keys and certificates, every two seconds.</summary>
internal sealed class FileReloader(IEnumerable<IReloadable> files, ServerOptions options, ILogger<FileReloader> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.AsksForKey && !options.HasTls)
        {
            Log.KeysInTheClear(logger);
        }

        using var timer = new PeriodicTimer(Period);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                foreach (IReloadable file in files)
                {
                    file.Refresh();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }
}
