using LCNet.Server.Configuration;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Hosting;

/// <summary>
/// What happens between being told to stop and closing ports and connections. The server is not ready and refuses, for a while that an operator may set, so that who sends calls
/// here learns of it from an answer and not from a connection that cannot be made. Then it holds connections open until the calls on them have ended. Kestrel that is told to stop may close a connection in front of a call that has just
/// come, or of the reset behind the status of a stream whose caller sends on; the caller then takes the closed connection for the outcome. Thread-safe.
/// </summary>
internal sealed class CallDrain(ServerOptions options, IHostApplicationLifetime lifetime, TimeProvider time) : IHostedLifecycleService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    // From the end of a call's handler to its end on the wire, and for what its caller has sent besides to arrive and be refused.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);
    private long _latest = long.MinValue;
    private int _open;

    private bool IsSettled => Volatile.Read(ref _latest) is var latest && (latest == long.MinValue || time.GetElapsedTime(latest) > Settling);

    /// <summary>Counts a call in.</summary>
    public void Begin() => Interlocked.Increment(ref _open);

    /// <summary>Counts a call out.</summary>
    public void End()
    {
        Volatile.Write(ref _latest, time.GetTimestamp());
        Interlocked.Decrement(ref _open);
    }

    /// <summary>Tells calls that the server drains, and waits until they have ended.</summary>
    /// <param name="cancellationToken">The end of the time to stop; what is still open then is cut off.</param>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        lifetime.StopApplication();
        try
        {
            await Task.Delay(options.DrainDelay, time, cancellationToken).ConfigureAwait(false);
            if (Volatile.Read(ref _open) == 0 && IsSettled)
            {
                return;
            }

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

/// <summary>Counts the unary calls that are under way. <c>ClassifyStream</c> counts itself.</summary>
internal sealed class CallDrainMiddleware(RequestDelegate next, CallDrain drain)
{
    /// <summary>Counts a call.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<MeasuredAttribute>() is null)
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        drain.Begin();
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            drain.End();
        }
    }
}
