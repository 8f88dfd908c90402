using System.Text.RegularExpressions;
using LCNet.Server.Tests;
using LCNet.V1;

namespace LCNet.Client.Tests;

public sealed partial class BalancingTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ClassifyAsync_SeveralServers_GoesRoundThem()
    {
        await using ClientServer first = await ClientServer.StartAsync(fixture);
        await using ClientServer second = await ClientServer.StartAsync(fixture);
        LcNetClient client = Connect(first, second);

        // Connections to both take a moment; calls do not wait for the second one.
        for (int i = 0; i < 200 && (first.Faults.Calls < 10 || second.Faults.Calls < 10); i++)
        {
            await client.ClassifyAsync(TestImages.Png(i), Token);
        }

        Assert.True(first.Faults.Calls >= 10 && second.Faults.Calls >= 10, $"{first.Faults.Calls} and {second.Faults.Calls} calls");
    }

    [Fact]
    public async Task ClassifyAsync_OneServerGone_GoesToTheOther()
    {
        await using ClientServer first = await ClientServer.StartAsync(fixture);
        await using ClientServer second = await ClientServer.StartAsync(fixture);
        LcNetClient client = Connect(first, second);
        for (int i = 0; i < 20; i++)
        {
            await client.ClassifyAsync(TestImages.Png(i), Token);
        }

        await second.Server.App.StopAsync(Token);
        int before = first.Faults.Calls;
        for (int i = 0; i < 20; i++)
        {
            await client.ClassifyAsync(TestImages.Png(i), Token);
        }

        Assert.True(first.Faults.Calls >= before + 20);
    }

    [Fact]
    public async Task ClassifyAllAsync_OneServerGoesMeanwhile_EveryRequestIsAnswered()
    {
        await using ClientServer first = await ClientServer.StartAsync(fixture);
        await using ClientServer second = await ClientServer.StartAsync(fixture);
        LcNetClient client = Connect(first, second);
        var ids = new List<string>();
        Task? stopping = null;
        await foreach (ClassifyStreamResponse reply in client.ClassifyAllAsync(BulkTests.Requests(600), Token))
        {
            Assert.Null(reply.Error);
            ids.Add(reply.Id);
            if (ids.Count == 100)
            {
                stopping = second.Server.App.StopAsync(Token);
            }
        }

        await stopping!;
        Assert.Equal(Enumerable.Range(0, 600).Select(i => $"{i}").Order(), ids.Order());
    }

    [Fact]
    public async Task ClassifyAllAsync_OneServerIsKilledMeanwhile_EveryRequestIsAnswered()
    {
        await using ClientServer first = await ClientServer.StartAsync(fixture);
        using var second = new ServerProgram(TestServer.Arguments(fixture.OneModel));
        Match line = GrpcAddress().Match(await second.ReadLineAsync() ?? string.Empty);
        Assert.True(line.Success);
        LcNetClient client = first.Connect(options =>
        {
            options.Addresses.Add(new Uri($"http://{line.Groups["grpc"].Value}"));
            options.Streams = 4;
        });
        var ids = new List<string>();
        await foreach (ClassifyStreamResponse reply in client.ClassifyAllAsync(BulkTests.Requests(600), Token))
        {
            Assert.Null(reply.Error);
            ids.Add(reply.Id);
            if (ids.Count == 100)
            {
                second.Kill();
            }
        }

        Assert.Equal(Enumerable.Range(0, 600).Select(i => $"{i}").Order(), ids.Order());
    }

    [Fact]
    public async Task ClassifyAsync_ServersBehindDns_AreFound()
    {
        await using ClientServer server = await ClientServer.StartAsync(fixture);
        LcNetClient client = server.ConnectTo(options => options.Addresses.Add(new Uri($"dns:///localhost:{server.Address.Port}")));

        await client.ClassifyAsync(TestImages.Png(1), Token);

        Assert.Equal(1, server.Faults.Calls);
    }

    [GeneratedRegex(@"gRPC on (?<grpc>[\d.:]+),")]
    private static partial Regex GrpcAddress();

    private static LcNetClient Connect(ClientServer first, ClientServer second) => first.ConnectTo(options =>
    {
        options.Addresses.Add(first.Address);
        options.Addresses.Add(second.Address);
        options.Streams = 4;
    });
}
