using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LCNet.Server;

/// <summary>Adds what the host itself needs.</summary>
internal static class HostingExtensions
{
    /// <summary>Adds the models and their loading.</summary>
    public static IServiceCollection AddServing(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<ModelRegistry>();
        services.AddSingleton<IEngineLoader, EngineLoader>();
        services.AddSingleton<ModelSource>();
        services.AddSingleton<ModelManager>();
        services.AddHostedService<ModelLoader>();
        services.AddHostedService<DeviceGuard>();
        if (options.ModelControl == ModelControl.Poll)
        {
            services.AddHostedService<ModelPoller>();
        }

        services.Configure<HostOptions>(host => host.ShutdownTimeout = options.DrainDelay + options.DrainTimeout);
        return services;
    }

    /// <summary>Listens on the ports of the options and on no others.</summary>
    public static IWebHostBuilder UseServerEndpoints(this IWebHostBuilder host)
    {
        var endpoints = new ServerEndpoints();
        host.ConfigureServices(services =>
        {
            services.AddSingleton(endpoints);
            services.AddSingleton<IConnectionListenerFactory>(provider => new LimitedTransport(ActivatorUtilities.CreateInstance<SocketTransportFactory>(provider), Connections(provider)));
        });

        // Container images of ASP.NET Core name a port of their own, of which Kestrel would warn that it is not used.
        host.UseSetting(WebHostDefaults.ServerUrlsKey, string.Empty);
        host.UseSetting(WebHostDefaults.HttpPortsKey, string.Empty);
        host.UseSetting(WebHostDefaults.HttpsPortsKey, string.Empty);
        host.ConfigureKestrel((_, kestrel) =>
        {
            kestrel.AddServerHeader = false;
            ServerOptions options = kestrel.ApplicationServices.GetRequiredService<ServerOptions>();
            ServerLimits.Apply(kestrel.Limits, options);
            endpoints.Listen(kestrel, options);
        });
        return host;
    }

    private static int Connections(IServiceProvider provider)
    {
        int wanted = provider.GetRequiredService<ServerOptions>().MaxConnections;
        int? files = DescriptorLimit.Read();
        int connections = DescriptorLimit.Fit(wanted, files);
        if (connections < wanted)
        {
            Log.ConnectionsFitted(provider.GetRequiredService<ILogger<ServerEndpoints>>(), connections, wanted, files!.Value);
        }

        return connections;
    }
}
