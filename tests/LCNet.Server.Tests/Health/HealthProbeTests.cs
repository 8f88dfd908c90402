using System.Net;
using System.Net.Sockets;

namespace LCNet.Server.Tests;

/// <summary><c>LCNet.Server --healthcheck</c>, the health check of the container images.</summary>
public sealed class HealthProbeTests(ServerFixture fixture)
{
    [Fact]
    public async Task Healthcheck_ServerIsReady_ExitsWithZero()
    {
        using var program = new ServerProgram("--healthcheck", $"--LCNet:HttpPort={fixture.One.Http.BaseAddress!.Port}");

        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(0, code);
        Assert.Empty(output);
        Assert.Empty(errors);
    }

    [Fact]
    public async Task Healthcheck_ServerDrains_SaysSo()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        server.App.Lifetime.StopApplication();

        await AssertRefusedAsync(server.Http.BaseAddress!.Port, "503");
    }

    [Fact]
    public async Task Healthcheck_NobodyListens_SaysSo()
    {
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        await AssertRefusedAsync(port, $":{port}");
    }

    [Fact]
    public async Task Healthcheck_WrongSetting_IsNamed()
    {
        using var program = new ServerProgram("--healthcheck", "--LCNet:HttpPort=none");

        (int code, _, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Contains("LCNet:HttpPort: 'none'", Assert.Single(errors), StringComparison.Ordinal);
    }

    private static async Task AssertRefusedAsync(int port, string part)
    {
        using var program = new ServerProgram("--healthcheck", $"--LCNet:HttpPort={port}");

        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.Contains(part, Assert.Single(errors), StringComparison.Ordinal);
    }
}
