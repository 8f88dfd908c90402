using System.Diagnostics;
using Serilog.Core;
using Serilog.Events;

namespace LCNet.Server;

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
