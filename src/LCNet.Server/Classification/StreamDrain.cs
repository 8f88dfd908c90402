namespace LCNet.Server;

/// <summary>
/// Holds connections open until the streams on them have ended, where the server stops. A caller that sends on is told by a reset, behind the status, that nobody
/// reads; Kestrel that is told to stop may close the connection in front of the reset, and the caller then takes the closed connection for the outcome. Thread-safe.
/// </summary>
internal sealed class StreamDrain(IHostApplicationLifetime lifetime, TimeProvider time) : IHostedLifecycleService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    // From the end of a stream's handler to its reset on the wire.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);
    private int _open;

    /// <summary>A stream begins.</summary>
    public void Begin() => Interlocked.Increment(ref _open);

    /// <summary>It has ended.</summary>
    public void End() => Interlocked.Decrement(ref _open);

    /// <summary>Tells streams that the server drains, and waits until they have ended.</summary>
    /// <param name="cancellationToken">The end of the time to stop; what is still open then is cut off.</param>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        lifetime.StopApplication();
        if (Volatile.Read(ref _open) == 0)
        {
            return;
        }

        try
        {
            while (Volatile.Read(ref _open) > 0)
            {
                await Task.Delay(Poll, time, cancellationToken).ConfigureAwait(false);
            }

            await Task.Delay(Settling, time, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Kestrel, next to stop, has the same token.
        }
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
