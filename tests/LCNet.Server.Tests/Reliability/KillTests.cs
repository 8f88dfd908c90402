using System.Globalization;
using Grpc.Core;
using LCNet.Bundles;

namespace LCNet.Server.Tests;

/// <summary>A server that dies at a random moment: while it starts, while it serves, while it loads.</summary>
public sealed class KillTests(ServerFixture fixture) : IDisposable
{
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("LCNET_TEST_KILLS") ?? "3", CultureInfo.InvariantCulture);
    private static readonly TimeSpan Latest = TimeSpan.FromSeconds(2);

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Kill_AtARandomMoment_NothingIsAnsweredWronglyAndTheNextServerStarts()
    {
        var random = new Random(1);
        string models = Path.Combine(_folder.FullName, "models");
        Answers answers = Answers.Of(fixture.Bundle, Traffic.Images);
        TestBundle.Copy(fixture.Bundle, models, 1);
        int answered = 0;
        for (int i = 0; i < Kills; i++)
        {
            using (var starting = new ServerProgram([.. TestServer.Arguments(models)]))
            {
                await Task.Delay(random.NextDouble() * Latest, TestContext.Current.CancellationToken);
                starting.Kill();
            }

            using RunningServer server = await RunningServer.StartAsync(
                models, new Dictionary<string, string>(), "--LCNet:MaxQueue=100000", "--LCNet:ModelControl=Poll", "--LCNet:ModelPollInterval=00:00:00.1");
            using var traffic = new Traffic(server.GrpcAddress, fixture.Bundle.Manifest.Input, _ => answers);
            await traffic.MoreAsync(1);
            Assert.Empty(traffic.Failures);

            // The same contents as another version: whichever answers, the answers are the same.
            Bundle next = TestBundle.Copy(fixture.Bundle, Path.Combine(_folder.FullName, "next"), i + 2);
            Directory.Move(next.Folder, Path.Combine(models, ServerFixture.Model, $"{i + 2}"));
            await Task.Delay(random.NextDouble() * Latest, TestContext.Current.CancellationToken);
            server.Kill();
            await traffic.StopAsync();

            Assert.Empty(traffic.Wrong);
            Assert.NotEmpty(traffic.Failures);
            Assert.All(traffic.Failures, failure => Assert.Equal(StatusCode.Unavailable, failure.StatusCode));
            answered += traffic.Answered;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{Kills} kills while starting, {Kills} while serving and loading: {answered} images answered, all rightly");
    }

    public void Dispose() => _folder.Dispose();
}
