using System.Net;
using LCNet.Server.Configuration;
using LCNet.Server.Security;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LCNet.Server.Hosting;

/// <summary>Where a running server listens. Thread-safe once the server has started.</summary>
public sealed class ServerEndpoints
{
    /// <summary>Stands for every address of the machine in <see cref="ServerOptions.BindAddress"/>.</summary>
    internal const string AnyAddress = "*";

    private ListenOptions? _grpc;
    private ListenOptions? _http;

    internal ServerEndpoints()
    {
    }

    /// <summary>Address and port of gRPC.</summary>
    /// <exception cref="InvalidOperationException">The server has not started.</exception>
    public IPEndPoint Grpc => Of(_grpc);

    /// <summary>Address and port of the live page, the health checks and metrics.</summary>
    /// <exception cref="InvalidOperationException">The server has not started.</exception>
    public IPEndPoint Http => Of(_http);

    /// <summary>Whether a request came by the gRPC port.</summary>
    internal bool IsGrpc(HttpContext context) => context.Connection.LocalPort == Grpc.Port;

    // Without TLS there is no negotiation of the protocol, so a port speaks one of them.
    internal void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        Listen(kestrel, options.BindAddress, options.GrpcPort, HttpProtocols.Http2, listen => _grpc = listen);
        Listen(kestrel, options.ManagementAddress, options.HttpPort, HttpProtocols.Http1, listen => _http = listen);
    }

    private static void Listen(KestrelServerOptions kestrel, string address, int port, HttpProtocols protocols, Action<ListenOptions> made)
    {
        IServiceProvider services = kestrel.ApplicationServices;
        int perAddress = services.GetRequiredService<ServerOptions>().MaxConnectionsPerAddress;
        void Configure(ListenOptions listen)
        {
            listen.Protocols = protocols;
            listen.Use(new ConnectionLimit(perAddress, services.GetRequiredService<AccessRefusals>()).Use);

            // Health checks on the HTTP port come from those who have no certificate.
            services.GetService<ServerTls>()?.Use(listen, needsCertificate: protocols == HttpProtocols.Http2);
            made(listen);
        }

        if (address == AnyAddress)
        {
            kestrel.ListenAnyIP(port, Configure);
        }
        else
        {
            kestrel.Listen(IPAddress.Parse(address), port, Configure);
        }
    }

    // Kestrel writes the port that it got into the options.
    private static IPEndPoint Of(ListenOptions? listen) => listen?.IPEndPoint ?? throw new InvalidOperationException("The server has not started.");
}
