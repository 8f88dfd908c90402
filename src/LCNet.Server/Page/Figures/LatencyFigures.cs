namespace LCNet.Server;

/// <summary>Percentiles of the request's duration.</summary>
internal sealed record LatencyFigures(double P50, double P95, double P99);
