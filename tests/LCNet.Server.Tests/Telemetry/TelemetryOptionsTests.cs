namespace LCNet.Server.Tests;

public sealed class TelemetryOptionsTests
{
    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", "'collector:4317' is no address")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=/v1/traces", "'/v1/traces' is no address")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "'http/json' is neither grpc nor http/protobuf")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=udp", "'udp' is neither")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=soon", "'soon' is no whole number")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=zip", "'zip' is neither none nor gzip")]
    [InlineData("OTEL_TRACES_EXPORTER=zipkin", "'zipkin' is neither otlp nor none")]
    public void Build_WrongVariable_IsNamed(string setting, string problem)
    {
        ServerOptionsException refusal = Assert.Throws<ServerOptionsException>(() => ServerHost.Build([$"--{setting}"]));

        string line = Assert.Single(refusal.Problems);
        Assert.StartsWith(setting[..setting.IndexOf('=', StringComparison.Ordinal)] + ": ", line, StringComparison.Ordinal);
        Assert.Contains(problem, line, StringComparison.Ordinal);
    }
}
