using System.Diagnostics;
using System.Globalization;

namespace LCNet.Deploy.Tests;

/// <summary><c>deploy/load/h2load.sh</c> against the real server.</summary>
public sealed class H2LoadTests(ServerFace server)
{
    // Few, for a debug build takes many times as long over an image as a release build.
    private const string Requests = "20";

    private static readonly string Image = Repository.PathOf("tests/data/cifar10/cat/0004.jpg");

    [Theory]
    [InlineData("")]
    [InlineData("0.25")]
    public async Task Script_AnImage_IsClassifiedEveryTime(string effort)
    {
        (int code, string output) = await RunAsync(Image, ("REQUESTS", Requests), ("EFFORT", effort));

        Assert.True(code == 0, output);
        Assert.Contains($"{Requests} succeeded, 0 failed", output, StringComparison.Ordinal);
        Assert.Matches("latency: p50 [0-9.]+ ms", output);
    }

    [Fact]
    public async Task Script_NotAnImage_SaysWhatTheServerSaid()
    {
        (int code, string output) = await RunAsync(Repository.PathOf("LICENSE"), ("REQUESTS", Requests));

        Assert.Equal(1, code);
        Assert.Contains("encoded_image", output, StringComparison.Ordinal);
        Assert.DoesNotContain("succeeded", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("100001")]
    public async Task Script_TooManyRequests_AreRefused(string requests)
    {
        (int code, string output) = await RunAsync(Image, ("REQUESTS", requests));

        Assert.Equal(2, code);
        Assert.Contains("1 to 100000", output, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output)> RunAsync(string image, params (string Name, string Value)[] environment)
    {
        Assert.SkipUnless(Programs.Exists("h2load") && Programs.Exists("nghttp"), "nghttp2-client is not installed.");
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Repository.PathOf("deploy/load/h2load.sh"));
        start.ArgumentList.Add(image);
        start.Environment["PORT"] = server.GrpcPort.ToString(CultureInfo.InvariantCulture);
        start.Environment["HTTP_PORT"] = server.HttpPort.ToString(CultureInfo.InvariantCulture);
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return await Programs.RunAsync(start);
    }
}
