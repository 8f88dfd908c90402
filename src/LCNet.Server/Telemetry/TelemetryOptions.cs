namespace LCNet.Server;

/// <summary>What leaves the server, by the variables of the OpenTelemetry specification.</summary>
/// <param name="IsEnabled">Whether anything is measured for others at all; not where <c>OTEL_SDK_DISABLED</c> is true.</param>
/// <param name="Metrics">Where metrics are sent; null for nowhere. They can be fetched from <c>/metrics</c> in any case.</param>
/// <param name="Traces">Where traces are sent; null for nowhere, and then none are made.</param>
internal sealed record TelemetryOptions(bool IsEnabled, OtlpTarget? Metrics, OtlpTarget? Traces);
