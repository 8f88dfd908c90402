using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LCNet.Server.Security;

/// <summary>
/// Kestrel's sockets, of which each port has so many open at a time and no more: one beyond that is closed before the next is accepted. Kestrel's own limit closes it later, on the thread pool, and
/// where the machine is busy connections come faster than that; a process that has no descriptor left is aborted. Thread-safe.
/// </summary>
internal sealed class LimitedTransport(SocketTransportFactory sockets, int most) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => sockets.CanBind(endpoint);

    /// <inheritdoc/>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await sockets.BindAsync(endpoint, cancellationToken).ConfigureAwait(false), most);

    private sealed class Listener(IConnectionListener inner, int most) : IConnectionListener
    {
        private int _open;

        public EndPoint EndPoint => inner.EndPoint;

        // Kestrel accepts one connection at a time.
        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await inner.AcceptAsync(cancellationToken).ConfigureAwait(false) is { } connection)
            {
                if (Interlocked.Increment(ref _open) <= most)
                {
                    return new Connection(connection, () => Interlocked.Decrement(ref _open));
                }

                await connection.DisposeAsync().ConfigureAwait(false);
                Interlocked.Decrement(ref _open);
            }

            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    // Counts until its socket is closed, which is later than the end of what it carries.
    private sealed class Connection(ConnectionContext inner, Action closed) : ConnectionContext
    {
        private Action? _closed = closed;

        public override string ConnectionId
        {
            get => inner.ConnectionId;
            set => inner.ConnectionId = value;
        }

        public override IFeatureCollection Features => inner.Features;

        public override IDictionary<object, object?> Items
        {
            get => inner.Items;
            set => inner.Items = value;
        }

        public override IDuplexPipe Transport
        {
            get => inner.Transport;
            set => inner.Transport = value;
        }

        public override EndPoint? LocalEndPoint
        {
            get => inner.LocalEndPoint;
            set => inner.LocalEndPoint = value;
        }

        public override EndPoint? RemoteEndPoint
        {
            get => inner.RemoteEndPoint;
            set => inner.RemoteEndPoint = value;
        }

        public override CancellationToken ConnectionClosed
        {
            get => inner.ConnectionClosed;
            set => inner.ConnectionClosed = value;
        }

        public override void Abort(ConnectionAbortedException abortReason) => inner.Abort(abortReason);

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync().ConfigureAwait(false);
            Interlocked.Exchange(ref _closed, null)?.Invoke();
            await base.DisposeAsync().ConfigureAwait(false);
        }
    }
}

/// <summary>
/// Fits the number of connections to the files that this process may have open. Each connection takes one, and a process that has none left cannot go on: .NET aborts it.
/// </summary>
internal static class DescriptorLimit
{
    // What the program itself has open, models that are loaded beside those that are served included.
    private const int Reserved = 320;

    private const string LimitsFile = "/proc/self/limits";
    private const string Line = "Max open files";

    /// <summary>Connections that each of the two ports may have.</summary>
    /// <param name="files">Files that the process may have open; null where that is not known.</param>
    /// <returns>At least 1 and at most <paramref name="wanted"/>.</returns>
    public static int Fit(int wanted, int? files) => files is int limit ? Math.Clamp((limit - Reserved) / 2, 1, wanted) : wanted;

    /// <summary>Files that this process may have open, which .NET raises to the hard limit as it starts; null where the system does not say.</summary>
    public static int? Read()
    {
        try
        {
            return Parse(File.ReadLines(LimitsFile));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // "Max open files            1024                 1024                 files"; no number where there is no limit.
    private static int? Parse(IEnumerable<string> lines) =>
        lines.FirstOrDefault(line => line.StartsWith(Line, StringComparison.Ordinal)) is { } line
        && int.TryParse(line[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], NumberStyles.None, CultureInfo.InvariantCulture, out int files)
            ? files
            : null;
}
