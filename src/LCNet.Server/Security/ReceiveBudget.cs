using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>
/// Counts the bytes of requests that have not arrived whole, by client, so that nobody fills the memory with requests that never end. A client may have a
/// quarter of all, and at least one request: the others' are still received. Thread-safe.
/// </summary>
internal sealed class ReceiveBudget(ServerOptions options)
{
    private const int Shares = 4;
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private readonly long _each = Math.Max(options.RequestLimit, options.MaxReceiveBytes / Shares);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _clients = new(StringComparer.Ordinal);
    private long _all;

    /// <summary>Takes in bytes.</summary>
    /// <param name="client">Whose.</param>
    /// <param name="bytes">How many more, above 0.</param>
    /// <returns>Null where there is room; otherwise nothing was taken in.</returns>
    public AdmissionRefusal? Take(string client, long bytes)
    {
        lock (_lock)
        {
            long own = _clients.GetValueOrDefault(client) + bytes;
            if (own > _each || _all + bytes > options.MaxReceiveBytes)
            {
                return new AdmissionRefusal(RefusalReason.Bytes, own > _each ? _each : options.MaxReceiveBytes, TimeSpan.Zero, Retry);
            }

            _clients[client] = own;
            _all += bytes;
            return null;
        }
    }

    /// <summary>Gives bytes back.</summary>
    public void Return(string client, long bytes)
    {
        lock (_lock)
        {
            _all -= bytes;
            long left = _clients[client] - bytes;
            if (left == 0)
            {
                _clients.Remove(client);
            }
            else
            {
                _clients[client] = left;
            }
        }
    }
}
