using OpenTelemetry.Exporter;

namespace LCNet.Server.Telemetry;

/// <summary>What leaves the server, by the variables of the OpenTelemetry specification.</summary>
/// <param name="IsEnabled">Whether anything is measured for others at all; not where <c>OTEL_SDK_DISABLED</c> is true.</param>
/// <param name="Metrics">Where metrics are sent; null for nowhere. They can be fetched from <c>/metrics</c> in any case.</param>
/// <param name="Traces">Where traces are sent; null for nowhere, and then none are made.</param>
internal sealed record TelemetryOptions(bool IsEnabled, OtlpTarget? Metrics, OtlpTarget? Traces);

/// <summary>
/// Where one signal is sent, by the variables of the OpenTelemetry specification. Those for every signal are read by the exporter itself;
/// these are a signal's own, which it does not read.
/// </summary>
internal sealed record OtlpTarget
{
    /// <summary>Where to; null for the address of every signal.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Null for the protocol of every signal.</summary>
    public OtlpExportProtocol? Protocol { get; init; }

    /// <summary>Comma-separated <c>name=value</c>; null for the headers of every signal.</summary>
    public string? Headers { get; init; }

    /// <summary>Longest wait for the receiver, in milliseconds; null for that of every signal.</summary>
    public int? Timeout { get; init; }

    /// <summary>Null for the compression of every signal.</summary>
    public OtlpExportCompression? Compression { get; init; }

    /// <summary>Sets on the exporter's options what is not null.</summary>
    public void Apply(OtlpExporterOptions options)
    {
        options.Protocol = Protocol ?? options.Protocol;
        options.Headers = Headers ?? options.Headers;
        options.TimeoutMilliseconds = Timeout ?? options.TimeoutMilliseconds;
        options.Compression = Compression ?? options.Compression;
        if (Endpoint is not null)
        {
            // Setting it says that it is the whole address: no path is added.
            options.Endpoint = Endpoint;
        }
    }
}
