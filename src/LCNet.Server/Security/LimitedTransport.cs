using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LCNet.Server;

/// <summary>
/// Kestrel's sockets, of which each port has so many open at a time and no more: one beyond that is closed before the next is accepted. Kestrel's own limit closes it later, on the thread pool, and
/// where the machine is busy connections come faster than that; a process that has no descriptor left is aborted. Thread-safe.
/// </summary>
/// <param name="sockets">Makes the sockets.</param>
/// <param name="most">Connections of a port.</param>
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
