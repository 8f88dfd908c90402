using System.Globalization;
using Grpc.Core;

namespace LCNet.Server.Tests;

public sealed class TerminationTests(ServerFixture fixture)
{
    private const int Before = 100;
    private static readonly int Terminations = int.Parse(Environment.GetEnvironmentVariable("LCNET_TEST_TERMINATIONS") ?? "3", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Terminate_UnderLoad_AnswersWhatWasLetInAndRefusesTheRest()
    {
        Answers answers = Answers.Of(fixture.Bundle, Traffic.Images);
        int answered = 0;
        int refused = 0;
        int met = 0;
        for (int i = 0; i < Terminations; i++)
        {
            await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
            using RunningServer server = await RunningServer.StartAsync(
                fixture.OneModel, OtlpReceiver.Variables(("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", receiver.Grpc)), "--LCNet:MaxQueue=100000");
            using var traffic = new Traffic(server.GrpcAddress, fixture.Bundle.Manifest.Input, _ => answers);
            await traffic.MoreAsync(Before);
            Assert.Empty(traffic.Failures);

            server.Terminate();
            int code = await server.WaitAsync();
            await traffic.StopAsync();

            Assert.Equal(0, code);
            Assert.Empty(traffic.Wrong);
            Assert.NotEmpty(traffic.Failures);

            // The server's last word on what it let in: each of it answered, and the answer has come. Any other call was refused, or met a port or a connection that was being closed.
            Dictionary<string, long> ended = Requests(receiver);
            Assert.True(traffic.Replies == ended["OK"], $"{ended["OK"]} answered, {traffic.Replies} replies have come; {string.Join(Environment.NewLine, traffic.Failures.Where(failure => !IsRefusal(failure)))}");
            Assert.All(ended.Where(status => status.Value > 0), status => Assert.True(status.Key is "OK" or "UNAVAILABLE", $"{status.Value} requests ended {status.Key}"));
            string others = string.Join(Environment.NewLine, traffic.Failures.Where(failure => !IsRefusal(failure) && !MetTheEnd(failure)));
            Assert.True(others.Length == 0, others);
            answered += traffic.Answered;
            refused += traffic.Failures.Count(IsRefusal);
            met += traffic.Failures.Count(MetTheEnd);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{Terminations} terminations, {answered} images answered rightly, {refused} calls told of the draining, {met} found no server or a connection being closed");
    }

    private static Dictionary<string, long> Requests(OtlpReceiver receiver) => receiver.Metric("lcnet.requests")!.Sum.Points
        .GroupBy(point => (string)OtlpReceiver.Read(point.Attributes)["status"], point => point.AsInt).ToDictionary(status => status.Key, status => status.Sum());

    private static bool IsRefusal(RpcException failure) => failure.Status is { StatusCode: StatusCode.Unavailable, Detail: "the server is draining" };

    // The client's own word for it: a status that came from the server has no exception behind it.
    private static bool MetTheEnd(RpcException failure) =>
        failure.StatusCode is StatusCode.Unavailable or StatusCode.Internal && failure.Status.DebugException is HttpRequestException or IOException;
}
