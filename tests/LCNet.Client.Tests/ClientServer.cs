using Grpc.AspNetCore.Server;
using LCNet.Server.Tests;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Client.Tests;

/// <summary>A real server with faults, and clients of it.</summary>
internal sealed class ClientServer : IAsyncDisposable
{
    private readonly List<ServiceProvider> _providers = [];

    private ClientServer(TestServer server, Faults faults)
    {
        Server = server;
        Faults = faults;
    }

    public TestServer Server { get; }

    public Faults Faults { get; }

    public Uri Address => Server.GrpcAddress;

    public static async Task<ClientServer> StartAsync(ServerFixture fixture, params string[] settings)
    {
        var faults = new Faults();
        return new ClientServer(
            await TestServer.StartAsync(
                fixture.OneModel,
                services => services.AddSingleton(faults).Configure<GrpcServiceOptions>(options => options.Interceptors.Add<Faults>()),
                settings),
            faults);
    }

    /// <summary>A client of this server and of no other.</summary>
    public LcNetClient Connect(Action<LcNetClientOptions>? configure = null) => ConnectTo(options =>
    {
        options.Addresses.Add(Address);
        configure?.Invoke(options);
    });

    /// <summary>A client that lives as long as this server.</summary>
    public LcNetClient ConnectTo(Action<LcNetClientOptions> configure)
    {
        var services = new ServiceCollection();
        services.AddLcNetClient(options =>
        {
            // Retries at the pace of tests.
            options.InitialBackoff = TimeSpan.FromMilliseconds(5);
            options.MaxBackoff = TimeSpan.FromMilliseconds(50);
            options.Timeout = TimeSpan.FromMinutes(2);
            configure(options);
        });
        ServiceProvider provider = services.BuildServiceProvider();
        _providers.Add(provider);
        return provider.GetRequiredService<LcNetClient>();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ServiceProvider provider in _providers)
        {
            await provider.DisposeAsync();
        }

        // As a host does it: calls that a client has given up are over before their server is taken apart.
        await Server.App.StopAsync();
        await Server.DisposeAsync();
    }
}
