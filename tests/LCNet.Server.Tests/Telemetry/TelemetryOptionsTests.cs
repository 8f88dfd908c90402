using LCNet.Server.Configuration;

namespace LCNet.Server.Tests;

public sealed class TelemetryOptionsTests
{
    [Fact]
    public async Task Start_WrongVariableInTheEnvironment_IsOneLine()
    {
        var environment = new Dictionary<string, string> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:4317", ["OTEL_EXPORTER_OTLP_HEADERS"] = "the secret" };
        using var program = new ServerProgram(environment);

        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Empty(output);
        string line = Assert.Single(errors);
        Assert.Contains("FTL OTEL_EXPORTER_OTLP_HEADERS: is not name=value", line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", "'collector:4317' is no address")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=/v1/traces", "'/v1/traces' is no address")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "'http/json' is neither grpc nor http/protobuf")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=udp", "'udp' is neither")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=soon", "'soon' is no whole number")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=zip", "'zip' is neither none nor gzip")]
    [InlineData("OTEL_TRACES_EXPORTER=zipkin", "'zipkin' is neither otlp nor none")]
    [InlineData("OTEL_EXPORTER_OTLP_COMPRESSION=zip", "'zip' is neither none nor gzip")]
    [InlineData("OTEL_EXPORTER_OTLP_TIMEOUT=soon", "'soon' is no whole number")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS=secret", "is not name=value")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS==secret", "is not name=value")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_HEADERS=a=b,two words=c", "is not name=value")]
    [InlineData("OTEL_RESOURCE_ATTRIBUTES=blue", "is not name=value")]
    [InlineData("OTEL_METRIC_EXPORT_INTERVAL=1.5", "'1.5' is no whole number")]
    [InlineData("OTEL_METRIC_EXPORT_TIMEOUT=0", "'0' is no whole number above 0")]
    [InlineData("OTEL_BSP_MAX_QUEUE_SIZE=many", "'many' is no whole number")]
    [InlineData("OTEL_SPAN_EVENT_COUNT_LIMIT=-1", "'-1' is no whole number")]
    [InlineData("OTEL_TRACES_SAMPLER=sometimes", "'sometimes' is none of always_on, ")]
    [InlineData("OTEL_TRACES_SAMPLER_ARG=2", "'2' is no number from 0 to 1")]
    [InlineData("OTEL_TRACES_SAMPLER_ARG=0,5", "'0,5' is no number from 0 to 1")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=both", "'both' is none of cumulative, ")]
    [InlineData("OTEL_METRICS_EXEMPLAR_FILTER=all", "'all' is none of ")]
    [InlineData("OTEL_SDK_DISABLED=1", "'1' is none of true, false")]
    public void Build_WrongVariable_IsNamed(string setting, string problem)
    {
        ServerOptionsException refusal = Assert.Throws<ServerOptionsException>(() => ServerHost.Build([$"--{setting}"]));

        string line = Assert.Single(refusal.Problems);
        Assert.StartsWith(setting[..setting.IndexOf('=', StringComparison.Ordinal)] + ": ", line, StringComparison.Ordinal);
        Assert.Contains(problem, line, StringComparison.Ordinal);
    }
}
