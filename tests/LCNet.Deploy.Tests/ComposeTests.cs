using System.Globalization;
using System.Text.Json.Nodes;

namespace LCNet.Deploy.Tests;

/// <summary><c>docker-compose.yml</c> against the server, the Dockerfile and the files that it mounts.</summary>
public sealed class ComposeTests
{
    // Written by the standard's own names, which the libraries read.
    private static readonly HashSet<string> TelemetryVariables = ["OTEL_SERVICE_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"];
    private static readonly JsonNode Compose = Repository.Yaml("docker-compose.yml");

    public static TheoryData<string> Servers => ["server", "server-gpu"];

    public static TheoryData<string> Services => [.. Compose.At("services").AsObject().Select(service => service.Key)];

    [Theory]
    [MemberData(nameof(Servers))]
    public void Server_Environment_IsTaken(string service)
    {
        KeyValuePair<string, string>[] environment =
            [.. Compose.At("services", service, "environment").AsObject().Select(variable => KeyValuePair.Create(variable.Key, variable.Value!.ToString()))];

        ServerFace.AssertTaken(environment);
        Assert.All(
            environment.Where(variable => !variable.Key.StartsWith("LCNet", StringComparison.OrdinalIgnoreCase)),
            variable => Assert.Contains(variable.Key, TelemetryVariables));
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public void Server_Ports_AreTheServersOwn(string service) =>
        Assert.Equal(
            [ServerFace.Defaults.GrpcPort, ServerFace.Defaults.HttpPort],
            Compose.At("services", service).Items("ports").Select(port => Inner(port.ToString())));

    [Theory]
    [MemberData(nameof(Servers))]
    public void Server_Container_CanWriteToTmpAlone(string service)
    {
        JsonNode container = Compose.At("services", service);

        Assert.True(container.At("read_only").GetValue<bool>());
        Assert.StartsWith("/tmp:", Assert.Single(container.Items("tmpfs")).ToString(), StringComparison.Ordinal);
        Assert.Equal("ALL", Assert.Single(container.Items("cap_drop")).ToString());
        Assert.Equal(container.TextAt("environment", "LCNet__Models"), Assert.Single(container.Items("volumes")).ToString().Split(':')[1]);
        Assert.EndsWith(":ro", container.TextAt("volumes", 0), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public void Server_GracePeriod_CoversTheDraining(string service)
    {
        string period = Compose.TextAt("services", service, "stop_grace_period");

        Assert.EndsWith("s", period, StringComparison.Ordinal);
        Assert.True(TimeSpan.FromSeconds(int.Parse(period[..^1], CultureInfo.InvariantCulture)) > ServerFace.Defaults.DrainDelay + ServerFace.Defaults.DrainTimeout);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public void Server_Image_IsATargetOfTheDockerfile(string service)
    {
        Assert.Contains(Compose.TextAt("services", service, "build", "target"), Dockerfile.Read().Stages.Select(stage => stage.Name));
        Assert.StartsWith($"lcnet-server:{Repository.Version}", Compose.TextAt("services", service, "image"), StringComparison.Ordinal);
    }

    [Fact]
    public void ServerGpu_WithProfile_ReservesADevice()
    {
        JsonNode service = Compose.At("services", "server-gpu");
        JsonNode device = service.At("deploy", "resources", "reservations", "devices", 0);

        Assert.Equal("gpu", Assert.Single(service.Items("profiles")).ToString());
        Assert.Equal("nvidia", device.TextAt("driver"));
        Assert.Equal("gpu", Assert.Single(device.Items("capabilities")).ToString());
        Assert.Equal("cuda", service.TextAt("environment", "LCNet__Device"));
        Assert.Null(Compose.At("services", "server")["profiles"]);
    }

    [Fact]
    public void Collector_Endpoint_IsWhereServersSend()
    {
        var endpoint = new Uri(Compose.TextAt("services", "server", "environment", "OTEL_EXPORTER_OTLP_ENDPOINT"));
        JsonNode collector = Repository.Yaml("deploy/otel/collector.yaml");

        Assert.True(Compose.At("services").AsObject().ContainsKey(endpoint.Host));
        Assert.Equal($"0.0.0.0:{endpoint.Port}", collector.TextAt("receivers", "otlp", "protocols", "grpc", "endpoint"));
    }

    [Fact]
    public void Collector_Pipelines_UseWhatIsConfigured()
    {
        JsonNode collector = Repository.Yaml("deploy/otel/collector.yaml");
        foreach (JsonNode? pipeline in collector.At("service", "pipelines").AsObject().Select(pipeline => pipeline.Value))
        {
            foreach (string kind in (string[])["receivers", "processors", "exporters"])
            {
                Assert.NotEmpty(pipeline!.Items(kind));
                Assert.All(pipeline!.Items(kind), name => Assert.True(collector.At(kind).AsObject().ContainsKey(name.ToString()), $"{kind}: {name}"));
            }
        }
    }

    [Fact]
    public void Prometheus_EveryTarget_IsOneServer()
    {
        JsonNode[] jobs = [.. Repository.Yaml("deploy/prometheus/prometheus.yml").Items("scrape_configs")];
        string[] targets = [.. jobs.SelectMany(job => job.Items("static_configs")).SelectMany(group => group.Items("targets")).Select(target => target.ToString())];
        JsonNode[] names = [.. jobs.SelectMany(job => job.Items("dns_sd_configs"))];

        Assert.NotEmpty(targets.Select(Inner).Concat(names.Select(name => name.NumberAt("port"))));
        Assert.All(targets, target => Assert.Equal(ServerFace.Defaults.HttpPort, Inner(target)));
        Assert.All(names, name => Assert.Equal(ServerFace.Defaults.HttpPort, name.NumberAt("port")));

        // A target behind which several servers stand would give now the counters of one, now those of another.
        Assert.All(targets, target => Assert.Single(Named(target.Split(':')[0])));
        Assert.All(names.SelectMany(name => name.Items("names")), name => Assert.NotEmpty(Named(name.ToString())));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void Service_Image_IsPinned(string service)
    {
        string image = Compose.TextAt("services", service, "image");
        string tag = image[(image.LastIndexOf(':') + 1)..];

        Assert.Matches("^v?[0-9]+[.][0-9]+[.][0-9]+(-cuda)?$", tag);
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void Service_MountedFiles_Exist(string service)
    {
        string[] mounted = [.. Compose.At("services", service).Items("volumes")
            .Select(volume => volume.ToString().Split(':')[0])
            .Where(source => source.StartsWith("./", StringComparison.Ordinal))];
        Assert.All(mounted, source => Assert.True(Path.Exists(Repository.PathOf(source)), source));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void Service_NamedVolumes_AreDeclared(string service) =>
        Assert.All(
            Compose.At("services", service).Items("volumes").Select(volume => volume.ToString().Split(':')[0]).Where(source => source[0] != '.'),
            name => Assert.True(Compose.At("volumes").AsObject().ContainsKey(name), name));

    // The services that a name on the network resolves to.
    private static IEnumerable<string> Named(string host) => Compose.At("services").AsObject()
        .Where(service => service.Key == host || (service.Value!["networks"]?["default"]?.Items("aliases").Any(alias => alias.ToString() == host) ?? false))
        .Select(service => service.Key);

    // The last number of "8001:8001" or "127.0.0.1:9090:9090".
    private static int Inner(string port) => int.Parse(port[(port.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture);
}
