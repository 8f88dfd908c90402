using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace LCNet.Server.Security;

/// <summary>Closes connections of an address that has as many as one may have: Kestrel's own limit is everybody's, and one stranger could use it up. Thread-safe.</summary>
internal sealed class ConnectionLimit(int most, AccessRefusals refusals)
{
    private readonly ConcurrentDictionary<string, int> _connections = new(StringComparer.Ordinal);

    /// <summary>Counts the connections of a port.</summary>
    public ConnectionDelegate Use(ConnectionDelegate next) => async connection =>
    {
        string address = RemoteAddressIdentity.Of((connection.RemoteEndPoint as IPEndPoint)?.Address);
        try
        {
            if (_connections.AddOrUpdate(address, 1, (_, count) => count + 1) > most)
            {
                refusals.Add(AccessProblem.Connections, connection.RemoteEndPoint?.ToString(), $"more than {most} connections");
                connection.Abort();
                return;
            }

            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            // Gone with the last one, so that addresses do not pile up.
            int left = _connections.AddOrUpdate(address, 0, (_, count) => count - 1);
            if (left == 0)
            {
                _connections.TryRemove(new KeyValuePair<string, int>(address, 0));
            }
        }
    };
}
