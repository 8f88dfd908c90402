using System.Globalization;
using LCNet.Bundles;
using LCNet.Runtime.Execution;

namespace LCNet.Server.Tests;

public sealed class ReloadUnderLoadTests(ServerFixture fixture)
{
    private const int Between = 100;
    private static readonly int Reloads = int.Parse(Environment.GetEnvironmentVariable("LCNET_TEST_RELOADS") ?? "6", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("Simd")]
    [InlineData("OnnxRuntime")]
    [InlineData("Batched")]
    public async Task Reload_UnderLoad_LosesNothingAndAnswersRightly(string executor)
    {
        using var folder = new TemporaryFolder();
        Bundle[] bundles = [fixture.Bundle, TestBundle.Write(Path.Combine(folder.FullName, "other"), ServerFixture.Model, 1, seed: 77)];
        Answers[] answers = [.. bundles.Select(bundle => Answers.Of(bundle, Traffic.Images, Enum.Parse<ExecutorKind>(executor)))];
        string models = Path.Combine(folder.FullName, "models");
        TestBundle.Copy(bundles[1], models, 1);
        await using TestServer server = await TestServer.StartAsync(
            models, $"Executor={executor}", "BatchMaxImages=4", "MaxQueue=100000", "ShadowRate=1", "ModelControl=Poll", "ModelPollInterval=00:00:00.1");
        using var metrics = new MetricCapture(server);

        // Even versions have the weights of one bundle, odd ones those of the other.
        using var traffic = new Traffic(server.GrpcAddress, fixture.Bundle.Manifest.Input, version => answers[int.Parse(version, CultureInfo.InvariantCulture) % 2]);
        for (int version = 2; version <= Reloads + 1; version++)
        {
            await traffic.MoreAsync(Between);

            // What goes while the new one is not served yet stays until it is.
            TestBundle.Copy(bundles[version % 2], models, version);
            Directory.Move(Path.Combine(models, ServerFixture.Model, $"{version - 1}"), Path.Combine(folder.FullName, $"old-{version - 1}"));
            string name = $"{version}";
            await Eventually.GetAsync(() => Task.FromResult(traffic.Versions.ContainsKey(name)), served => served || !traffic.Failures.IsEmpty);
        }

        await traffic.MoreAsync(Between);
        await traffic.StopAsync();

        Assert.Empty(traffic.Failures.Select(failure => failure.Status));
        Assert.Empty(traffic.Wrong);
        Assert.Equal(Reloads + 1, traffic.Versions.Count);
        Assert.Equal(traffic.Answered, traffic.Versions.Values.Sum());
        Assert.Equal(Reloads, metrics.Sum("lcnet.models.changes{change=loaded}"));
        TestContext.Current.TestOutputHelper?.WriteLine($"{Reloads} reloads, {traffic.Answered} images answered rightly");
    }
}
