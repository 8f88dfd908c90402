using LCNet.Server.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LCNet.Server.Security;

/// <summary>What one connection may take of the server before anybody knows whose it is.</summary>
internal static class ServerLimits
{
    private const int MostHeaders = 100;
    private static readonly TimeSpan BodyGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Sets the limits of every port.</summary>
    public static void Apply(KestrelServerLimits limits, ServerOptions options)
    {
        // gRPC refuses large messages by their prefix, with a status of its own, before it reads them; the page reads no further than an image may be long.
        limits.MaxRequestBodySize = null;
        limits.MaxConcurrentUpgradedConnections = 0;
        limits.MaxRequestHeadersTotalSize = options.MaxHeaderBytes;
        limits.MaxRequestLineSize = Math.Min(limits.MaxRequestLineSize, options.MaxHeaderBytes);
        limits.MaxRequestHeaderCount = MostHeaders;
        limits.RequestHeadersTimeout = options.HeadersTimeout;
        limits.KeepAliveTimeout = options.IdleTimeout;
        limits.MinRequestBodyDataRate = new MinDataRate(options.MinBodyBytesPerSecond, BodyGrace);
        limits.Http2.MaxStreamsPerConnection = options.MaxStreamsPerConnection;

        // Kestrel answers a request whose headers have up to twice the limit with 431 and goes on with the connection's other calls; beyond that it closes the connection. A field that
        // is too long by itself always closes it, so that limit is the higher one.
        limits.Http2.MaxRequestHeaderFieldSize = 2 * options.MaxHeaderBytes;

        // A peer that is gone without a word keeps its calls open otherwise.
        limits.Http2.KeepAlivePingDelay = PingDelay;
        limits.Http2.KeepAlivePingTimeout = PingTimeout;
    }
}
