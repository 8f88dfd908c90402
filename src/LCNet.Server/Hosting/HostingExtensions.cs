namespace LCNet.Server;

/// <summary>Adds what the host itself needs.</summary>
internal static class HostingExtensions
{
    /// <summary>Adds the models and their loading.</summary>
    public static IServiceCollection AddServing(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<Serving>();
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
        host.ConfigureServices(services => services.AddSingleton(endpoints));

        // Container images of ASP.NET Core name a port of their own, of which Kestrel would warn that it is not used.
        host.UseSetting(WebHostDefaults.ServerUrlsKey, string.Empty);
        host.UseSetting(WebHostDefaults.HttpPortsKey, string.Empty);
        host.UseSetting(WebHostDefaults.HttpsPortsKey, string.Empty);
        host.ConfigureKestrel((_, kestrel) =>
        {
            kestrel.AddServerHeader = false;
            ServerOptions options = kestrel.ApplicationServices.GetRequiredService<ServerOptions>();
            int? files = DescriptorLimit.Read();
            int connections = DescriptorLimit.Fit(options.MaxConnections, files);
            if (connections < options.MaxConnections)
            {
                Log.ConnectionsFitted(kestrel.ApplicationServices.GetRequiredService<ILogger<ServerEndpoints>>(), connections, options.MaxConnections, files!.Value);
            }

            ServerLimits.Apply(kestrel.Limits, options, connections);
            endpoints.Listen(kestrel, options);
        });
        return host;
    }
}
