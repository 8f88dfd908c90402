using System.Globalization;
using System.Text.Json.Nodes;

namespace LCNet.Deploy.Tests;

/// <summary>What the chart renders to, against the server.</summary>
public sealed class ChartRenderTests
{
    // Every switch of the chart, and numbers that Helm would print in a form that the server does not read.
    private static readonly string[] Everything =
    [
        "device=\"cuda\"",
        "settings={\"MaxImageBytes\": 16777216, \"MaxQueue\": 1000000, \"DefaultEffort\": 0.5, \"LogLevel\": \"Warning\", \"Executor\": \"OnnxRuntime\", \"Page\": false}",
        "models.volume={\"persistentVolumeClaim\": {\"claimName\": \"models\", \"readOnly\": true}}",
        "telemetry.otlpEndpoint=\"http://collector:4317\"",
        "serviceMonitor={\"enabled\": true, \"interval\": \"15s\", \"labels\": {\"release\": \"prometheus\"}, \"endpoint\": {\"scheme\": \"https\"}}",
        "security={\"tlsSecret\": \"certificate\", \"clientCaSecret\": \"authority\", \"apiKeysSecret\": \"keys\"}",
        "imagePullSecrets=[{\"name\": \"registry\"}]",
        "extraEnv=[{\"name\": \"DOTNET_gcServer\", \"value\": \"0\"}]",
        "podAnnotations={\"team\": \"vision\"}",
        "podLabels={\"tier\": \"backend\"}",
        "nodeSelector={\"gpu\": \"yes\"}",
        "tolerations=[{\"key\": \"gpu\", \"operator\": \"Exists\"}]",
        "affinity={\"nodeAffinity\": {}}",
        "priorityClassName=\"high\"",
        "service.annotations={\"a\": \"b\"}",
        "serviceAccount.annotations={\"a\": \"b\"}",
    ];

    private static readonly string[] Nothing =
    [
        "autoscaling.enabled=false",
        "podDisruptionBudget.enabled=false",
        "headlessService.enabled=false",
        "serviceAccount.create=false",
        "replicaCount=3",
    ];

    public static TheoryData<string[]> Choices => new() { Array.Empty<string>(), Everything, Nothing };

    [Theory]
    [MemberData(nameof(Choices))]
    public async Task Container_Environment_IsTaken(string[] values)
    {
        Chart.Manifests manifests = await Chart.RenderAsync(values);

        ServerFace.AssertTaken(Containers.Environment(manifests.Container));
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public async Task Container_PortsAndProbes_AreTheServersOwn(string[] values)
    {
        JsonNode container = (await Chart.RenderAsync(values)).Container;
        Dictionary<string, int> ports = container.Items("ports").ToDictionary(port => port.TextAt("name"), port => port.NumberAt("containerPort"));

        Assert.Equal(ServerFace.Defaults.GrpcPort, ports["grpc"]);
        Assert.Equal(ServerFace.Defaults.HttpPort, ports["http"]);
        Dictionary<string, string> environment = Containers.Environment(container);
        Assert.Equal(ports["grpc"].ToString(CultureInfo.InvariantCulture), environment["LCNet__GrpcPort"]);
        Assert.Equal(ports["http"].ToString(CultureInfo.InvariantCulture), environment["LCNet__HttpPort"]);
        Containers.AssertProbes(container, ports[container.TextAt("livenessProbe", "httpGet", "port")]);
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public async Task Container_FileSystem_CanBeWrittenInTmpAlone(string[] values)
    {
        Chart.Manifests manifests = await Chart.RenderAsync(values);

        Containers.AssertLockedDown(manifests.Container, manifests.Pod.At("spec"));
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public async Task Selectors_EveryOne_FindsThePods(string[] values)
    {
        Chart.Manifests manifests = await Chart.RenderAsync(values);
        JsonObject labels = manifests.Pod.At("metadata", "labels").AsObject();
        IEnumerable<JsonNode> selectors =
        [
            manifests.Only("Deployment").At("spec", "selector", "matchLabels"),
            .. manifests.OfKind("Service").Select(service => service.At("spec", "selector")),
            .. manifests.OfKind("PodDisruptionBudget").Select(budget => budget.At("spec", "selector", "matchLabels")),
            .. manifests.Pod.At("spec").Items("topologySpreadConstraints").Select(constraint => constraint.At("labelSelector", "matchLabels")),
        ];

        Assert.All(selectors, selector => AssertSelects(selector, labels));
    }

    [Fact]
    public async Task Kinds_ByDefault_AreThese() =>
        Assert.Equal(
            ["Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service", "Service", "ServiceAccount"],
            (await Chart.RenderAsync()).All.Select(manifest => manifest.TextAt("kind")).Order(StringComparer.Ordinal));

    [Fact]
    public async Task Kinds_WithEverythingOff_AreTheLeast()
    {
        Chart.Manifests manifests = await Chart.RenderAsync(Nothing);

        Assert.Equal(["Deployment", "Service"], manifests.All.Select(manifest => manifest.TextAt("kind")).Order(StringComparer.Ordinal));
        Assert.Equal(3, manifests.Only("Deployment").NumberAt("spec", "replicas"));
        Assert.Equal("default", manifests.Pod.TextAt("spec", "serviceAccountName"));
    }

    [Fact]
    public async Task Autoscaler_ByDefault_GoesByCpuAndQueue()
    {
        Chart.Manifests manifests = await Chart.RenderAsync();
        JsonNode autoscaler = manifests.Only("HorizontalPodAutoscaler").At("spec");
        JsonNode[] metrics = [.. autoscaler.Items("metrics")];

        Assert.Equal(manifests.Only("Deployment").TextAt("metadata", "name"), autoscaler.TextAt("scaleTargetRef", "name"));
        Assert.Null(manifests.Only("Deployment").At("spec")["replicas"]);
        Assert.Equal("cpu", metrics[0].TextAt("resource", "name"));
        Assert.Equal("lcnet_queue_depth", metrics[1].TextAt("pods", "metric", "name"));
        Assert.Equal("8", metrics[1].TextAt("pods", "target", "averageValue"));
        Assert.NotNull(manifests.Container.At("resources", "requests", "cpu"));
    }

    [Fact]
    public async Task Autoscaler_WithoutQueue_GoesByCpuAlone() =>
        Assert.Single((await Chart.RenderAsync("autoscaling.targetQueueDepth=0")).Only("HorizontalPodAutoscaler").At("spec").Items("metrics"));

    [Fact]
    public async Task Services_ByDefault_AreBalancedAndHeadless()
    {
        JsonNode[] services = [.. (await Chart.RenderAsync()).OfKind("Service").OrderBy(service => service.TextAt("metadata", "name"), StringComparer.Ordinal)];

        Assert.Equal(["test-lcnet", "test-lcnet-headless"], services.Select(service => service.TextAt("metadata", "name")));
        Assert.Equal("None", services[1].TextAt("spec", "clusterIP"));
        Assert.All(services, service => Assert.Equal(ServerFace.Defaults.GrpcPort, service.NumberAt("spec", "ports", 0, "port")));
        Assert.Equal(ServerFace.Defaults.HttpPort, services[0].NumberAt("spec", "ports", 1, "port"));
    }

    [Fact]
    public async Task ServiceMonitor_Selector_FindsOneOfTheServices()
    {
        Chart.Manifests manifests = await Chart.RenderAsync(Everything);
        JsonNode monitor = manifests.Only("ServiceMonitor");
        JsonNode selector = monitor.At("spec", "selector", "matchLabels");
        JsonNode service = Assert.Single(
            manifests.OfKind("Service"),
            service => selector.AsObject().All(label => JsonNode.DeepEquals(label.Value, service.At("metadata", "labels")[label.Key])));

        Assert.Contains(monitor.TextAt("spec", "endpoints", 0, "port"), service.At("spec").Items("ports").Select(port => port.TextAt("name")));
        Assert.Equal(Containers.MetricsPath, monitor.TextAt("spec", "endpoints", 0, "path"));
        Assert.Equal("prometheus", monitor.TextAt("metadata", "labels", "release"));
        Assert.Equal("https", monitor.TextAt("spec", "endpoints", 0, "scheme"));
    }

    [Fact]
    public async Task Container_WithEverything_HasIt()
    {
        Chart.Manifests manifests = await Chart.RenderAsync(Everything);
        Dictionary<string, string> environment = Containers.Environment(manifests.Container);

        Assert.Equal("16777216", environment["LCNet__MaxImageBytes"]);
        Assert.Equal("1000000", environment["LCNet__MaxQueue"]);
        Assert.Equal("0.5", environment["LCNet__DefaultEffort"]);
        Assert.Equal("false", environment["LCNet__Page"]);
        Assert.Equal("http://collector:4317", environment["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        Assert.Equal("parentbased_traceidratio", environment["OTEL_TRACES_SAMPLER"]);
        Assert.Equal("0.1", environment["OTEL_TRACES_SAMPLER_ARG"]);
        Assert.Equal("0", environment["DOTNET_gcServer"]);
        Assert.Equal(1, manifests.Container.NumberAt("resources", "limits", "nvidia.com/gpu"));
        JsonNode models = Assert.Single(manifests.Container.Items("volumeMounts"), mount => mount.TextAt("name") == "models");
        Assert.Equal(environment["LCNet__Models"], models.TextAt("mountPath"));
        Assert.Equal("models", manifests.Pod.At("spec").Items("volumes").Single(volume => volume.TextAt("name") == "models").TextAt("persistentVolumeClaim", "claimName"));
        Assert.Equal("backend", manifests.Pod.TextAt("metadata", "labels", "tier"));
        Assert.Equal("vision", manifests.Pod.TextAt("metadata", "annotations", "team"));
    }

    [Fact]
    public async Task Container_WithSecrets_ReadsThemWhereTheyAreMounted()
    {
        Chart.Manifests manifests = await Chart.RenderAsync(Everything);
        Dictionary<string, string> environment = Containers.Environment(manifests.Container);
        (string Setting, string File, string Secret)[] files =
        [
            ("LCNet__TlsCertificate", "tls.crt", "certificate"), ("LCNet__TlsKey", "tls.key", "certificate"),
            ("LCNet__TlsClientCa", "ca.crt", "authority"), ("LCNet__ApiKeys", "keys.json", "keys"),
        ];

        Assert.All(files, file =>
        {
            string path = environment[file.Setting];
            JsonNode mount = Assert.Single(manifests.Container.Items("volumeMounts"), mount => path == $"{mount.TextAt("mountPath")}/{file.File}");
            Assert.True(mount.At("readOnly").GetValue<bool>());
            JsonNode volume = Assert.Single(manifests.Pod.At("spec").Items("volumes"), volume => volume.TextAt("name") == mount.TextAt("name"));
            Assert.Equal(file.Secret, volume.TextAt("secret", "secretName"));
        });
        Assert.All(manifests.OfKind("Service").SelectMany(service => service.At("spec").Items("ports")),
            port => Assert.Equal("https", port.TextAt("appProtocol")));
    }

    [Fact]
    public async Task Container_ByDefault_HasTheBuildsImageAndItsModels()
    {
        Chart.Manifests manifests = await Chart.RenderAsync();

        Assert.Equal($"lcnet-server:{Repository.Version}", manifests.Container.TextAt("image"));
        Assert.DoesNotContain("LCNet__Models", Containers.Environment(manifests.Container).Keys);
        Assert.Null(manifests.Container.At("resources", "limits")["nvidia.com/gpu"]);
    }

    [Theory]
    [InlineData("termination.refuseSeconds=0", 0, 30)]
    [InlineData("termination.refuseSeconds=75", 75, 30)]
    [InlineData("termination.drainSeconds=3600", 0, 3600)]
    public async Task Termination_GracePeriod_CoversSleepAndDrain(string setting, int delay, int timeout)
    {
        Chart.Manifests manifests = await Chart.RenderAsync(setting);
        int sleep = manifests.Container.NumberAt("lifecycle", "preStop", "sleep", "seconds");
        Dictionary<string, string> environment = Containers.Environment(manifests.Container);

        Assert.Equal(
            (TimeSpan.FromSeconds(delay), TimeSpan.FromSeconds(timeout)),
            (Duration(environment["LCNet__DrainDelay"]), Duration(environment["LCNet__DrainTimeout"])));
        Assert.True(manifests.Pod.NumberAt("spec", "terminationGracePeriodSeconds") > sleep + delay + timeout);
        ServerFace.AssertTaken(environment.Where(variable => variable.Key.StartsWith("LCNet__Drain", StringComparison.Ordinal)));
    }

    private static TimeSpan Duration(string text) => TimeSpan.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static void AssertSelects(JsonNode selector, JsonObject labels)
    {
        Assert.NotEmpty(selector.AsObject());
        Assert.All(selector.AsObject(), label => Assert.Equal(label.Value!.ToString(), labels[label.Key]?.ToString()));
    }
}
