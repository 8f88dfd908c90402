using System.Globalization;
using System.Text.Json;
using LCNet.Server.Configuration;

namespace LCNet.Server.Tests;

public sealed class ServerOptionsTests
{
    [Theory]
    [InlineData("GrpcPort=x", "LCNet:GrpcPort: 'x'")]
    [InlineData("GrpcPort=65536", "0 to 65535")]
    [InlineData("HttpPort=-1", "LCNet:HttpPort: '-1'")]
    [InlineData("Workers=1025", "0 to 1024")]
    [InlineData("MaxQueue=-1", "LCNet:MaxQueue")]
    [InlineData("MaxQueue=9999999999999", "LCNet:MaxQueue")]
    [InlineData("BatchMaxImages=257", "LCNet:BatchMaxImages: '257' is not a whole number from 1 to 256")]
    [InlineData("BatchMaxDelay=5", "LCNet:BatchMaxDelay: '5' is not a duration from 00:00:00 to 00:00:10")]
    [InlineData("BatchMaxDelay=00:00:11", "LCNet:BatchMaxDelay: '00:00:11'")]
    [InlineData("BatchMaxDelay=-00:00:01", "LCNet:BatchMaxDelay: '-00:00:01'")]
    [InlineData("BatchMaxFlops=-1", "LCNet:BatchMaxFlops")]
    [InlineData("Executor=Gpu", "LCNet:Executor: 'Gpu' is none of Auto, Simd, OnnxRuntime, Batched")]
    [InlineData("MaxQueueBytes=-1", "LCNet:MaxQueueBytes")]
    [InlineData("MaxReceiveBytes=5", "LCNet:MaxReceiveBytes: '5' is not a whole number from 1048576 to 1099511627776")]
    [InlineData("QueueObjective=5", "LCNet:QueueObjective: '5' is not a duration from 00:00:00.0010000 to 01:00:00")]
    [InlineData("QueueObjective=00:00:00", "LCNet:QueueObjective")]
    [InlineData("QueueObjective=soon", "LCNet:QueueObjective: 'soon'")]
    [InlineData("Brownout=off", "LCNet:Brownout: 'off' is neither true nor false")]
    [InlineData("BrownoutEffort=1.5", "LCNet:BrownoutEffort: '1.5' is not a number in (0, 1]")]
    [InlineData("DefaultEffort=0", "LCNet:DefaultEffort: '0' is not a number in (0, 1]")]
    [InlineData("DefaultEffort=NaN", "LCNet:DefaultEffort: 'NaN'")]
    [InlineData("MaxImageBytes=0", "LCNet:MaxImageBytes")]
    [InlineData("MaxImagePixels=1000000000000", "1 to 268435456")]
    [InlineData("MaxRequestBytes=100", "LCNet:MaxRequestBytes: 100 is below MaxImageBytes, 8388608")]
    [InlineData("MaxBatch=0", "LCNet:MaxBatch: '0' is not a whole number from 1 to 4096")]
    [InlineData("MaxStreamInFlight=1025", "1 to 1024")]
    [InlineData("Device=tpu", "LCNet:Device: device 'tpu' is unknown")]
    [InlineData("BindAddress=here", "LCNet:BindAddress: 'here'")]
    [InlineData("HttpBindAddress=here", "LCNet:HttpBindAddress: 'here'")]
    [InlineData("TlsCertificate=tls.crt", "LCNet:TlsKey: TlsCertificate and TlsKey are given together")]
    [InlineData("TlsKey=tls.key", "LCNet:TlsKey: TlsCertificate and TlsKey are given together")]
    [InlineData("TlsClientCa=ca.crt", "LCNet:TlsClientCa: needs TlsCertificate")]
    [InlineData("MaxConnections=0", "LCNet:MaxConnections: '0' is not a whole number from 1 to 1000000")]
    [InlineData("MaxConnectionsPerAddress=0", "LCNet:MaxConnectionsPerAddress: '0'")]
    [InlineData("MaxStreamsPerConnection=65537", "LCNet:MaxStreamsPerConnection: '65537' is not a whole number from 1 to 65536")]
    [InlineData("MaxHeaderBytes=4095", "LCNet:MaxHeaderBytes: '4095' is not a whole number from 4096 to 1048576")]
    [InlineData("HeadersTimeout=00:00:00", "LCNet:HeadersTimeout: '00:00:00' is not a duration from 00:00:01 to 00:10:00")]
    [InlineData("IdleTimeout=2.00:00:00", "LCNet:IdleTimeout: '2.00:00:00' is not a duration from 00:00:01 to 1.00:00:00")]
    [InlineData("MinBodyBytesPerSecond=0", "LCNet:MinBodyBytesPerSecond: '0'")]
    [InlineData("LogFormat=xml", "LCNet:LogFormat: 'xml' is none of Auto, Text, Json")]
    [InlineData("LogLevel=3", "LCNet:LogLevel: '3'")]
    [InlineData("Page=maybe", "LCNet:Page: 'maybe' is neither true nor false")]
    [InlineData("HttpPort=8001", "LCNet:HttpPort: 8001 is GrpcPort too")]
    [InlineData("Wrokers=1", "LCNet:Wrokers: there is no such setting")]
    public void Build_WrongSetting_IsNamed(string setting, string problem)
    {
        ServerOptionsException refusal = Assert.Throws<ServerOptionsException>(() => ServerHost.Build([$"--LCNet:{setting}"]));

        Assert.Contains(problem, Assert.Single(refusal.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Build_SeveralWrongSettings_AreAllNamed()
    {
        ServerOptionsException refusal = Assert.Throws<ServerOptionsException>(
            () => ServerHost.Build(["--LCNet:Workers=x", "--LCNet:Device=tpu", "--LCNet:Nothing=1", "--LCNet:DefaultEffort=2"]));

        Assert.Equal(
            ["LCNet:DefaultEffort", "LCNet:Device", "LCNet:Nothing", "LCNet:Workers"],
            refusal.Problems.Select(problem => problem[..problem.IndexOf(": ", StringComparison.Ordinal)]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void AppSettings_EverySetting_HasItsDefault()
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "appsettings.json")));
        JsonProperty[] settings = [.. file.RootElement.GetProperty(ServerOptions.Section).EnumerateObject()];
        foreach (JsonProperty setting in settings)
        {
            // Empty: the folder beside the program.
            object? value = setting.Name == nameof(ServerOptions.Models) ? string.Empty : typeof(ServerOptions).GetProperty(setting.Name)?.GetValue(new ServerOptions());
            Assert.Equal(Convert.ToString(value, CultureInfo.InvariantCulture), setting.Value.ToString());
        }

        Assert.Equal(typeof(ServerOptions).GetProperties().Where(property => property.GetMethod!.IsPublic).Select(property => property.Name).Order(), settings.Select(setting => setting.Name).Order());
    }
}
