using System.Net.Sockets;
using LCNet.Bundles;
using LCNet.Runtime;
using Serilog;
using Serilog.Extensions.Logging;

namespace LCNet.Server;

/// <summary>Tells the operator why the server does not start.</summary>
internal static class StartFailure
{
    /// <summary>Logs what an operator can put right as one fatal line a problem, and anything else with its stack trace.</summary>
    public static void Report(Exception exception, LogFormat format)
    {
        LoggerConfiguration configuration = ServerLogging.Configure(new LoggerConfiguration(), format, LogLevel.Information);
        using var factory = new SerilogLoggerFactory(configuration.CreateLogger(), dispose: true);
        Microsoft.Extensions.Logging.ILogger logger = factory.CreateLogger(typeof(ServerHost).FullName!);
        IReadOnlyList<string> problems = Problems(exception);
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

    private static IReadOnlyList<string> Problems(Exception exception) => exception switch
    {
        ServerOptionsException options => options.Problems,
        SocketException => [$"Failed to listen at LCNet:BindAddress on LCNet:GrpcPort and LCNet:HttpPort: {exception.Message}"],

        // appsettings.json cannot be read; what is wrong in it stands further in.
        InvalidDataException { InnerException: { } inner } => [$"{exception.Message} {inner.Message}"],

        // A port is in use, a folder cannot be read, the command line makes no sense: the message names it.
        BundleException or DeviceException or IOException or UnauthorizedAccessException or FormatException => [exception.Message],
        _ => [],
    };
}
