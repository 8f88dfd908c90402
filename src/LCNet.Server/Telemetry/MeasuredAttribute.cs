namespace LCNet.Server;

/// <summary>Marks a gRPC method each of whose calls is one request to classify; <see cref="RequestMeasurement"/> counts them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MeasuredAttribute : Attribute;
