using Grpc.Core;

namespace LCNet.Client;

/// <summary>How a client reaches its servers. Every value is checked when the first client is made. Not thread-safe while it is changed.</summary>
public sealed class LcNetClientOptions
{
    /// <summary>
    /// Where the servers are. One address: <c>http://host:port</c>, <c>https://host:port</c>, or <c>dns:///host:port</c>, whose every IP address is a
    /// server. Several: each <c>http://host:port</c>, or each <c>https://host:port</c>. Calls go to several servers in turn, past those that
    /// cannot be reached. Must not be empty.
    /// </summary>
    public IList<Uri> Addresses { get; } = [];

    /// <summary>Whether servers behind <c>dns:///</c> are spoken to over TLS. Default: no.</summary>
    public bool Tls { get; set; }

    /// <summary>
    /// How often <c>dns:///</c> is asked for servers that are new, at least 1 second (default 30 seconds). It is asked too where a connection is lost.
    /// </summary>
    public TimeSpan DnsRefresh { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a unary call may take, retries included, above zero (default 10 seconds); null for no limit. Beyond it the call fails with
    /// <see cref="StatusCode.DeadlineExceeded"/>. Streams have no deadline.
    /// </summary>
    public TimeSpan? Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How often a request is sent at most, 1 to 5 (default 4); 1 for no retries. Only what a server did not run is sent again: status
    /// <see cref="StatusCode.Unavailable"/> (cannot be reached, or draining) and <see cref="StatusCode.ResourceExhausted"/> (its queue is full).
    /// <see cref="LcNetClient.ClassifyAllAsync"/> does not count what a draining server took back, and gives up once each of its streams has failed so often with no answer on any.
    /// </summary>
    public int MaxAttempts { get; set; } = 4;

    /// <summary>Longest wait before the first retry, above zero (default 50 ms); the wait is random, and doubles its limit from retry to retry.</summary>
    public TimeSpan InitialBackoff { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest wait before any retry, at least <see cref="InitialBackoff"/> (default 2 seconds).</summary>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Requests of one <see cref="LcNetClient.ClassifyAllAsync"/> that are in memory at a time, from the source to the reader of the replies, 1 to
    /// 100,000 (default 64).
    /// </summary>
    public int MaxInFlight { get; set; } = 64;

    /// <summary>
    /// Streams of one <see cref="LcNetClient.ClassifyAllAsync"/>, 1 to <see cref="MaxInFlight"/> (default 1). A stream stays with one server: take at
    /// least as many as there are servers.
    /// </summary>
    public int Streams { get; set; } = 1;
}
