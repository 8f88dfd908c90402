using System.Text.Json.Nodes;
using LCNet.V1;

namespace LCNet.Deploy.Tests;

/// <summary>What must hold of every container of the server, in Kubernetes' form.</summary>
internal static class Containers
{
    /// <summary>Where the server says that it lives.</summary>
    public const string LivenessPath = "/healthz";

    /// <summary>Where it says whether it takes calls.</summary>
    public const string ReadinessPath = "/readyz";

    /// <summary>Where its metrics are.</summary>
    public const string MetricsPath = "/metrics";

    public static Dictionary<string, string> Environment(JsonNode container) =>
        container.Items("env").ToDictionary(variable => variable.TextAt("name"), variable => variable.TextAt("value"));

    /// <summary>Readiness is the health service's word on the classifier, liveness is the process's.</summary>
    /// <param name="container">With its probes.</param>
    /// <param name="httpPort">The port that the liveness probe resolves to.</param>
    public static void AssertProbes(JsonNode container, int httpPort)
    {
        foreach (string probe in (string[])["startupProbe", "readinessProbe"])
        {
            // Kubernetes asks gRPC without TLS alone.
            if (Environment(container).ContainsKey("LCNet__TlsCertificate"))
            {
                Assert.Equal((ReadinessPath, "HTTPS"), (container.TextAt(probe, "httpGet", "path"), container.TextAt(probe, "httpGet", "scheme")));
                Assert.Equal(container.TextAt("livenessProbe", "httpGet", "port"), container.TextAt(probe, "httpGet", "port"));
                Assert.Equal("HTTPS", container.TextAt("livenessProbe", "httpGet", "scheme"));
                continue;
            }

            Assert.Equal(ServerFace.Defaults.GrpcPort, container.NumberAt(probe, "grpc", "port"));
            Assert.Equal(Classifier.Descriptor.FullName, container.TextAt(probe, "grpc", "service"));
        }

        Assert.Equal(LivenessPath, container.TextAt("livenessProbe", "httpGet", "path"));
        Assert.Equal(ServerFace.Defaults.HttpPort, httpPort);
    }

    /// <summary>Not root, no capabilities, and nothing to write to but a <c>/tmp</c> in memory.</summary>
    public static void AssertLockedDown(JsonNode container, JsonNode pod)
    {
        JsonNode context = container.At("securityContext");
        Assert.True(context.At("readOnlyRootFilesystem").GetValue<bool>());
        Assert.False(context.At("allowPrivilegeEscalation").GetValue<bool>());
        Assert.Equal("ALL", context.TextAt("capabilities", "drop", 0));
        JsonNode user = context["runAsUser"] is null ? pod.At("securityContext") : context;
        Assert.True(user.At("runAsNonRoot").GetValue<bool>());
        Assert.Equal(Dockerfile.Read()["cpu"].Only("USER").Split(':')[0], user.TextAt("runAsUser"));
        JsonNode writable = Assert.Single(container.Items("volumeMounts"), mount => mount["readOnly"] is null);
        Assert.Equal("/tmp", writable.TextAt("mountPath"));
        JsonNode volume = Assert.Single(pod.Items("volumes"), volume => volume.TextAt("name") == writable.TextAt("name"));
        Assert.Equal("Memory", volume.TextAt("emptyDir", "medium"));
    }
}
