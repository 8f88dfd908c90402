using System.Globalization;
using System.Net.Sockets;
using Grpc.Core;

namespace LCNet.Server.Tests;

public sealed class TerminationTests(ServerFixture fixture)
{
    private const int Before = 100;
    private static readonly int Terminations = int.Parse(Environment.GetEnvironmentVariable("LCNET_TEST_TERMINATIONS") ?? "3", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Terminate_UnderLoad_AnswersWhatWasLetInAndRefusesTheRest()
    {
        Answers answers = await Answers.OfAsync(fixture.Bundle, Traffic.Images);
        int answered = 0;
        int refused = 0;
        for (int i = 0; i < Terminations; i++)
        {
            using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, new Dictionary<string, string>(), "--LCNet:MaxQueue=100000");
            using var traffic = new Traffic(server.GrpcAddress, fixture.Bundle.Manifest.Input, _ => answers);
            await traffic.MoreAsync(Before);
            Assert.Empty(traffic.Failures);

            server.Terminate();
            int code = await server.WaitAsync();
            await traffic.StopAsync();

            Assert.Equal(0, code);
            Assert.Empty(traffic.Wrong);
            Assert.NotEmpty(traffic.Failures);
            Assert.Empty(traffic.Failures.Where(failure => !WasNotLetIn(failure)).Select(failure => $"{failure}"));
            answered += traffic.Answered;
            refused += traffic.Failures.Count(failure => failure.Status.Detail == "the server is draining");
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{Terminations} terminations, {answered} images answered rightly, {refused} calls told of the draining");
    }

    // The server said so, or there was none to connect to. A call whose connection broke while it waited for its reply is none of these.
    private static bool WasNotLetIn(RpcException failure)
    {
        bool isRefusal = failure.Status.Detail == "the server is draining";
        for (Exception? cause = failure.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            isRefusal |= cause is SocketException { SocketErrorCode: SocketError.ConnectionRefused };
        }

        return failure.StatusCode == StatusCode.Unavailable && isRefusal;
    }
}
