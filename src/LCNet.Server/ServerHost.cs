using System.Globalization;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;
using LCNet.Server.LivePage;
using LCNet.Server.Protocols;
using LCNet.Server.Protocols.Repository;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;

namespace LCNet.Server;

/// <summary>The server: a host that serves every model of a folder over gRPC, with health checks over HTTP.</summary>
public static class ServerHost
{
    /// <summary>Builds the server without starting it; <see cref="ServerEndpoints"/> among its services tells where it listens once it has started.</summary>
    /// <param name="args">Command line, for example <c>--LCNet:GrpcPort=0</c>; it overrides environment and <c>appsettings.json</c>.</param>
    /// <param name="configure">Adds services of the caller's to the server's own, for example a logger provider or an interceptor; null for none.</param>
    /// <exception cref="ServerOptionsException">A setting is wrong; the exception names every problem.</exception>
    public static WebApplication Build(string[] args, Action<IServiceCollection>? configure = null)
    {
        WebApplicationBuilder builder = CreateBuilder(args);
        return Build(builder, ServerOptionsReader.Read(builder.Configuration), configure);
    }

    /// <summary>Runs the server until it is told to stop. What keeps it from starting is logged as one fatal line a problem.</summary>
    /// <param name="args">As for <see cref="Build(string[], Action{IServiceCollection}?)"/>.</param>
    /// <returns>The exit code: 0 after a stop, 1 where the server could not start.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        // Numbers look the same whatever the language of the machine.
        CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        if (CommandLine.AsksForHelp(args))
        {
            if (args is [_, "markdown"])
            {
                SettingsHelp.WriteMarkdown(Console.Out);
            }
            else
            {
                SettingsHelp.Write(Console.Out);
            }

            return 0;
        }

        ServerOptions? options = null;
        try
        {
            WebApplicationBuilder builder = CreateBuilder(args);
            options = ServerOptionsReader.Read(builder.Configuration);
            await using WebApplication app = Build(builder, options, configure: null);
            await StartAsync(app).ConfigureAwait(false);
            await app.WaitForShutdownAsync().ConfigureAwait(false);
            return 0;
        }
        catch (OperationCanceledException)
        {
            // Told to stop while it was starting.
            return 0;
        }
        catch (Exception exception)
        {
            StartFailure.Report(exception, options ?? new ServerOptions());
            return 1;
        }
    }

    // Settings lie beside the program, whatever the working directory, and are read once.
    internal static WebApplicationBuilder CreateBuilder(string[] args)
    {
        CommandLine.Check(args);
        return WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = ["--hostBuilder:reloadConfigOnChange=false", .. args],
            ContentRootPath = AppContext.BaseDirectory,
        });
    }

    // The ports are open while models are loaded. Where that fails, whoever asks meanwhile must not find services that are gone.
    private static async Task StartAsync(WebApplication app)
    {
        try
        {
            await app.StartAsync().ConfigureAwait(false);
        }
        catch
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await app.StopAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    private static WebApplication Build(WebApplicationBuilder builder, ServerOptions options, Action<IServiceCollection>? configure)
    {
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddServerLogging(options);
        builder.Services.AddServerTelemetry(TelemetryOptionsReader.Read(builder.Configuration));
        builder.Services.AddModels(options);
        builder.Services.AddServerSecurity(options);
        builder.Services.AddServerHealth();
        builder.Services.AddProtocols(options);
        builder.Services.AddLivePage(options);
        builder.WebHost.UseServerEndpoints();
        configure?.Invoke(builder.Services);

        WebApplication app = builder.Build();
        Pipeline.Build(app);
        return app;
    }
}
