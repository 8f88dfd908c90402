using System.Globalization;
using System.Net.Sockets;
using LCNet.Bundles;
using LCNet.Runtime.Execution;
using LCNet.Server.Configuration;
using Microsoft.AspNetCore.Connections;
using Serilog;
using Serilog.Extensions.Logging;

namespace LCNet.Server.Hosting;

/// <summary>Tells the operator why the server does not start.</summary>
internal static class StartFailure
{
    /// <summary>Logs what an operator can put right as one fatal line a problem, and anything else with its stack trace.</summary>
    /// <param name="exception">That was thrown.</param>
    /// <param name="options">The settings; the defaults where they could not be read.</param>
    public static void Report(Exception exception, ServerOptions options)
    {
        LoggerConfiguration configuration = ServerLogging.Configure(new LoggerConfiguration(), options.LogFormat, LogLevel.Information);
        using var factory = new SerilogLoggerFactory(configuration.CreateLogger(), dispose: true);
        Microsoft.Extensions.Logging.ILogger logger = factory.CreateLogger(typeof(ServerHost).FullName!);
        IReadOnlyList<string> problems = Problems(exception, options);
        foreach (string problem in problems)
        {
            string line = problem.ReplaceLineEndings(" ");
            Log.StartRefused(logger, line);
        }

        if (problems.Count == 0)
        {
            Log.Failed(logger, exception);
        }
    }

    private static IReadOnlyList<string> Problems(Exception exception, ServerOptions options) => exception switch
    {
        ServerOptionsException settings => settings.Problems,
        SocketException => [$"Failed to listen at LCNet:BindAddress on LCNet:GrpcPort and LCNet:HttpPort: {exception.Message}"],

        // Kestrel's message ends with the address that it failed to bind to.
        IOException { InnerException: AddressInUseException } => [$"{PortSetting(exception.Message, options)}: {exception.Message}"],

        // appsettings.json cannot be read; what is wrong in it stands further in.
        InvalidDataException { InnerException: { } inner } => [$"{exception.Message} {inner.Message}"],

        // A folder cannot be read, the command line makes no sense: the message names it.
        BundleException or DeviceException or IOException or UnauthorizedAccessException or FormatException => [exception.Message],
        _ => [],
    };

    private static string PortSetting(string message, ServerOptions options) => message.Contains(string.Create(CultureInfo.InvariantCulture, $":{options.GrpcPort}:"), StringComparison.Ordinal)
        ? $"{ServerOptions.Section}:{nameof(ServerOptions.GrpcPort)}"
        : $"{ServerOptions.Section}:{nameof(ServerOptions.HttpPort)}";
}
