using Grpc.Net.Client;
using LCNet.Bundles;
using LCNet.Server;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;
using LCNet.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

[assembly: AssemblyFixture(typeof(LCNet.Deploy.Tests.ServerFace))]

namespace LCNet.Deploy.Tests;

/// <summary>What the server really exposes: its settings, and the server itself with the shipped bundles on free ports of the loopback address.</summary>
public sealed class ServerFace : IAsyncLifetime
{
    private const string SettingPrefix = "LCNet__";
    private static readonly string[] ServersOwn = ["LCNet", "OTEL_"];
    private WebApplication? _app;
    private GrpcChannel? _channel;
    private string _refusal = string.Empty;

    public static ServerOptions Defaults { get; } = new();

    /// <summary>The names of the settings.</summary>
    public static IReadOnlySet<string> Settings { get; } =
        typeof(ServerOptions).GetProperties().Select(property => property.Name).ToHashSet();

    /// <summary>The gRPC port; skips the test where the shipped bundles cannot be served.</summary>
    public int GrpcPort => Endpoints.Grpc.Port;

    /// <summary>The HTTP port.</summary>
    public int HttpPort => Endpoints.Http.Port;

    public Classifier.ClassifierClient Client => new(_channel ??= GrpcChannel.ForAddress($"http://127.0.0.1:{GrpcPort}"));

    private ServerEndpoints Endpoints
    {
        get
        {
            Assert.SkipWhen(_app is null, $"The shipped bundles cannot be served: {_refusal}");
            return _app.Services.GetRequiredService<ServerEndpoints>();
        }
    }

    /// <summary>Checks that variables of a container that set the server exist and have values that it takes together.</summary>
    public static void AssertTaken(IEnumerable<KeyValuePair<string, string>> environment)
    {
        KeyValuePair<string, string>[] variables =
            [.. environment.Where(variable => ServersOwn.Any(prefix => variable.Key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))];
        Assert.All(variables.Where(variable => !variable.Key.StartsWith("OTEL_", StringComparison.Ordinal)), setting =>
        {
            Assert.StartsWith(SettingPrefix, setting.Key, StringComparison.Ordinal);
            Assert.Contains(setting.Key[SettingPrefix.Length..], Settings);
        });

        // Throws where a value is wrong.
        using var secrets = new MountedSecrets();
        WebApplication app = ServerHost.Build([.. variables.Select(variable =>
            $"--{variable.Key.Replace("__", ":", StringComparison.Ordinal)}={secrets.For(variable.Key.Replace(SettingPrefix, string.Empty, StringComparison.Ordinal), variable.Value)}")]);
        ((IDisposable)app).Dispose();
    }

    public async ValueTask InitializeAsync()
    {
        WebApplication app = ServerHost.Build(
        [
            $"--LCNet:Models={Repository.PathOf("models")}",
            "--LCNet:BindAddress=127.0.0.1",
            "--LCNet:GrpcPort=0",
            "--LCNet:HttpPort=0",
            "--LCNet:LogLevel=Warning",

            // A machine that is busy with other tests is no reason to refuse.
            "--LCNet:QueueObjective=01:00:00",

            // Every image is compared with the whole network, with workers to spare, so that all metrics are there.
            "--LCNet:ShadowRate=1",
            "--LCNet:Workers=8",
        ]);
        try
        {
            await app.StartAsync();
            _app = app;
        }
        catch (BundleException exception)
        {
            _refusal = exception.Message;
            await app.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }
}
