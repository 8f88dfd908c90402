using System.Diagnostics;
using System.Globalization;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting.Compact;

namespace LCNet.Server.Hosting;

/// <summary>Logging to the console: fatal lines to standard error, the others to standard output.</summary>
internal static class ServerLogging
{
    private const string Line = "{Timestamp:yyyy-MM-ddTHH:mm:ss.fffzzz} {Level:u3} {Message:lj}{" + TraceEnricher.Property + ":l}{NewLine}{Exception}";
    private const string GrpcCallFailed = "Error when executing service method";

    /// <summary>Logs as the options say.</summary>
    public static IServiceCollection AddServerLogging(this IServiceCollection services, ServerOptions options) =>
        services.AddSerilog(
            (_, configuration) => Configure(configuration, options.LogFormat, options.LogLevel),
            preserveStaticLogger: true,
            writeToProviders: true);

    /// <summary>Sets up the logger.</summary>
    public static LoggerConfiguration Configure(LoggerConfiguration configuration, LogFormat format, LogLevel level)
    {
        configuration
            .MinimumLevel.Is(LevelConvert.ToSerilogLevel(level))
            .MinimumLevel.Override("Microsoft", AtLeast(LogEventLevel.Warning, level))
            .MinimumLevel.Override("Grpc", AtLeast(LogEventLevel.Warning, level))

            // What these two report is reported by us, without a stack trace: why the server does not start, and that it is not ready.
            .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal)
            .MinimumLevel.Override("Microsoft.Extensions.Diagnostics.HealthChecks", LogEventLevel.Fatal)

            // Of calls that fail, GrpcStatusMiddleware reports those that are the server's fault.
            .Filter.ByExcluding(entry => entry.MessageTemplate.Text.StartsWith(GrpcCallFailed, StringComparison.Ordinal));
        bool json = format == LogFormat.Json || (format == LogFormat.Auto && RunsInContainer());
        return json
            ? configuration.WriteTo.Console(new RenderedCompactJsonFormatter(), standardErrorFromLevel: LogEventLevel.Fatal)
            : configuration.Enrich.With<TraceEnricher>().WriteTo.Console(outputTemplate: Line, formatProvider: CultureInfo.InvariantCulture, standardErrorFromLevel: LogEventLevel.Fatal);
    }

    private static bool RunsInContainer() =>
        bool.TryParse(Environment.GetEnvironmentVariable("DOTNET_RUNNING_IN_CONTAINER"), out bool container) && container;

    // Who asks for debug lines gets those of the libraries too.
    private static LogEventLevel AtLeast(LogEventLevel usual, LogLevel level) =>
        level < LogLevel.Information ? LevelConvert.ToSerilogLevel(level) : (LogEventLevel)Math.Max((int)usual, (int)LevelConvert.ToSerilogLevel(level));
}

/// <summary>Puts the id of the trace behind a line of text; JSON has it by itself.</summary>
internal sealed class TraceEnricher : ILogEventEnricher
{
    /// <summary>Name of the property, which is absent where there is no trace.</summary>
    public const string Property = "Trace";

    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        if (logEvent.TraceId is ActivityTraceId trace)
        {
            logEvent.AddPropertyIfAbsent(new LogEventProperty(Property, new ScalarValue($" trace={trace}")));
        }
    }
}

/// <summary>Format of log lines.</summary>
public enum LogFormat
{
    /// <summary>JSON where the program runs in a container (<c>DOTNET_RUNNING_IN_CONTAINER</c>), text elsewhere.</summary>
    Auto,

    /// <summary>Lines of text, for people.</summary>
    Text,

    /// <summary>A compact JSON object a line.</summary>
    Json,
}
