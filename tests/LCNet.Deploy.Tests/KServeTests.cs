using System.Globalization;
using System.Text.Json.Nodes;
using LCNet.Bundles;

namespace LCNet.Deploy.Tests;

/// <summary>The KServe runtime and service against the server and each other.</summary>
public sealed class KServeTests
{
    // Where KServe's storage initializer puts what storageUri names.
    private const string StorageFolder = "/mnt/models";
    private static readonly JsonNode Runtime = Repository.Yaml("deploy/kserve/serving-runtime.yaml");
    private static readonly JsonNode HttpRuntime = Repository.Yaml("deploy/kserve/serving-runtime-http.yaml");
    private static readonly JsonNode Service = Repository.Yaml("deploy/kserve/inference-service.yaml");

    private static JsonNode Container => Runtime.At("spec", "containers", 0);

    [Fact]
    public void Runtime_Container_IsTheServer()
    {
        Dictionary<string, string> environment = Containers.Environment(Container);

        ServerFace.AssertTaken(environment);
        Assert.Equal(StorageFolder, environment["LCNet__Models"]);
        Assert.Equal("kserve-container", Container.TextAt("name"));
        Assert.Equal($"lcnet-server:{Repository.Version}", Container.TextAt("image"));
        Assert.Equal(ServerFace.Defaults.GrpcPort, Container.NumberAt("ports", 0, "containerPort"));
        Assert.Single(Container.Items("ports"));
        Assert.Equal(ServerFace.Defaults.HttpPort.ToString(CultureInfo.InvariantCulture), Runtime.TextAt("spec", "annotations", "prometheus.kserve.io/port"));
        Assert.Equal(Containers.MetricsPath, Runtime.TextAt("spec", "annotations", "prometheus.kserve.io/path"));
    }

    // KServe routes to the container's only port.
    [Fact]
    public void HttpRuntime_IsTheOtherOnItsHttpPort()
    {
        JsonNode http = HttpRuntime.DeepClone();
        Assert.Equal(("v2", ServerFace.Defaults.HttpPort), (http.At("spec", "protocolVersions", 0).ToString(), http.NumberAt("spec", "containers", 0, "ports", 0, "containerPort")));
        Assert.NotEqual(Runtime.TextAt("metadata", "name"), http.TextAt("metadata", "name"));

        // Nothing else differs.
        http["metadata"] = Runtime["metadata"]!.DeepClone();
        http["spec"]!["protocolVersions"] = Runtime["spec"]!["protocolVersions"]!.DeepClone();
        http["spec"]!["containers"]![0]!["ports"] = Container["ports"]!.DeepClone();
        Assert.True(JsonNode.DeepEquals(Runtime, http));
    }

    [Fact]
    public void Runtime_Probes_AskTheServer() => Containers.AssertProbes(Container, Container.At("livenessProbe", "httpGet", "port").GetValue<int>());

    [Fact]
    public void Runtime_Container_CanWriteToTmpAlone() => Containers.AssertLockedDown(Container, Runtime.At("spec"));

    [Fact]
    public void Service_Model_IsOfTheRuntimesFormat()
    {
        JsonNode model = Service.At("spec", "predictor", "model");
        JsonNode format = Runtime.At("spec", "supportedModelFormats", 0);

        Assert.Equal(Runtime.TextAt("metadata", "name"), model.TextAt("runtime"));
        Assert.Equal(format.TextAt("name"), model.TextAt("modelFormat", "name"));
        Assert.Equal(format.TextAt("version"), model.TextAt("modelFormat", "version"));
        Assert.Equal(BundleManifest.CurrentFormat.ToString(CultureInfo.InvariantCulture), format.TextAt("version"));
        Assert.Contains(model.TextAt("protocolVersion"), Runtime.At("spec").Items("protocolVersions").Select(version => version.ToString()));
    }
}
