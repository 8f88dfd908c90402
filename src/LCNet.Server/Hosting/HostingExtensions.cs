using LCNet.Runtime.Engine;
using LCNet.Server.Configuration;
using LCNet.Server.Models;
using LCNet.Server.Security;
using LCNet.Server.Shadows;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LCNet.Server.Hosting;

/// <summary>Adds what the host itself needs.</summary>
internal static class HostingExtensions
{
    /// <summary>Adds the models and their loading.</summary>
    public static IServiceCollection AddModels(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<ModelRegistry>();
        services.AddSingleton<EngineFactory>(InferenceEngine.Load);
        services.AddSingleton<ModelLoader>();
        services.AddSingleton<ModelManager>();
        services.AddHostedService<ModelStartup>();
        services.AddHostedService<DeviceGuard>();
        services.AddSingleton<ShadowRunner>();
        services.AddHostedService(provider => provider.GetRequiredService<ShadowRunner>());
        services.AddSingleton<CallDrain>();
        services.AddHostedService(provider => provider.GetRequiredService<CallDrain>());
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
