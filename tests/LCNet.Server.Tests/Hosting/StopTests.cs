using System.Text.RegularExpressions;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.V1;

namespace LCNet.Server.Tests;

public sealed partial class StopTests(ServerFixture fixture)
{
    [Fact]
    public async Task Terminate_RunningServer_SaysWhatItServesAndEndsWell()
    {
        using var program = new ServerProgram(TestServer.Arguments(fixture.SeveralModels));
        string line = await program.ReadLineAsync() ?? string.Empty;
        Match match = ServingLine().Match(line);
        Assert.True(match.Success, line);
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{match.Groups["grpc"].Value}");
        ClassifyRequest request = TestImages.Png(1);
        request.Model = ServerFixture.OtherModel;
        ClassifyResponse reply = await new Classifier.ClassifierClient(channel).ClassifyAsync(
            request, deadline: TestServer.Deadline, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal("1", reply.Version);

        program.Terminate();
        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(0, code);
        Assert.Empty(errors);
        Assert.Equal(["Draining", "Stopped"], output.Select(text => WordAfterLevel().Match(text).Groups[1].Value));
    }

    [Fact]
    public async Task Stop_CallsInFlight_AreAnsweredOrToldToGoElsewhere()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1");
        await server.ClassifyAsync(TestImages.Png(1));
        Task<Status>[] calls = [.. Enumerable.Range(0, 50).Select(seed => server.StatusOfAsync(TestImages.Png(seed)))];
        await Task.WhenAny(calls);

        await server.App.StopAsync(TestContext.Current.CancellationToken);

        Status[] replies = await Task.WhenAll(calls);
        Assert.All(replies, reply => Assert.True(reply.StatusCode is StatusCode.OK or StatusCode.Unavailable, $"{reply}"));
        Assert.Contains(replies, reply => reply.StatusCode == StatusCode.OK);
    }

    [GeneratedRegex(@"INF Serving alpha version 9 \(\d+\.?\d* MFLOPs dense, executor simd\), alpha version 10 \(.*\), beta version 1 \(.*\) on cpu; gRPC on (?<grpc>[\d.:]+), HTTP on [\d.:]+$")]
    private static partial Regex ServingLine();

    [GeneratedRegex(@"INF (\w+)")]
    private static partial Regex WordAfterLevel();
}
