using Grpc.Net.Client;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace LCNet.Client.Tests;

public sealed class LcNetClientOptionsTests
{
    [Theory]
    [InlineData("ftp://a:1")]
    [InlineData("http://a:1/path")]
    [InlineData("/a")]
    [InlineData("dns:///")]
    [InlineData("http://a:1", "dns:///b:1")]
    [InlineData("http://a:1", "https://b:1")]
    public void AddLcNetClient_WrongAddresses_AreNamed(params string[] addresses)
    {
        OptionsValidationException refusal = Assert.Throws<OptionsValidationException>(() => Create(options =>
        {
            foreach (string address in addresses)
            {
                options.Addresses.Add(new Uri(address, UriKind.RelativeOrAbsolute));
            }
        }));

        Assert.All(refusal.Failures, failure => Assert.StartsWith("Addresses: ", failure, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://a:8001")]
    [InlineData("https://a")]
    [InlineData("dns:///a.b.svc:8001")]
    [InlineData("http://127.0.0.1:1", "http://[::1]:2")]
    [InlineData("https://a:1", "https://b:1")]
    public void AddLcNetClient_GoodAddresses_MakeAClient(params string[] addresses) => Create(options =>
    {
        foreach (string address in addresses)
        {
            options.Addresses.Add(new Uri(address));
        }
    });

    [Fact]
    public void AddLcNetClient_SeveralWrongOptions_AreAllNamed()
    {
        OptionsValidationException refusal = Assert.Throws<OptionsValidationException>(() => Create(options =>
        {
            options.DnsRefresh = TimeSpan.Zero;
            options.Timeout = TimeSpan.Zero;
            options.MaxAttempts = 6;
            options.InitialBackoff = TimeSpan.Zero;
            options.MaxBackoff = TimeSpan.FromSeconds(-1);
            options.MaxInFlight = 0;
            options.Streams = 1;
        }));

        Assert.Equal(
            ["Addresses", "DnsRefresh", "InitialBackoff", "MaxAttempts", "MaxBackoff", "MaxInFlight", "Streams", "Timeout"],
            refusal.Failures.Select(failure => failure[..failure.IndexOf(": ", StringComparison.Ordinal)]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Constructor_WrongOptions_AreNamed()
    {
        using var channel = GrpcChannel.ForAddress("http://localhost:1");
        var calls = new Classifier.ClassifierClient(channel);

        ArgumentException refusal = Assert.Throws<ArgumentException>(() => new LcNetClient(calls, new LcNetClientOptions { MaxAttempts = 0 }));
        Assert.Contains("MaxAttempts: 0", refusal.Message, StringComparison.Ordinal);
    }

    private static void Create(Action<LcNetClientOptions> configure)
    {
        using ServiceProvider provider = new ServiceCollection().AddLcNetClient(configure).Services.BuildServiceProvider();
        provider.GetRequiredService<LcNetClient>();
    }
}
