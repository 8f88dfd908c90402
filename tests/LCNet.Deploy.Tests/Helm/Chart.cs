using System.Diagnostics;
using System.Text.Json.Nodes;

namespace LCNet.Deploy.Tests;

/// <summary>The Helm chart: its files, and what it renders to, by Helm where it is installed and else by <c>render.go</c>.</summary>
internal static class Chart
{
    public const string Folder = "deploy/helm/lcnet";

    private static readonly Lazy<Task<string?>> Renderer = new(BuildRendererAsync);

    public static JsonNode Values { get; } = Repository.Yaml($"{Folder}/values.yaml");

    public static JsonNode Schema { get; } = Repository.Json($"{Folder}/values.schema.json");

    public static IEnumerable<string> Templates => Directory.GetFiles(Repository.PathOf($"{Folder}/templates"));

    /// <summary>Renders the release <c>test</c>; skips the test where nothing can.</summary>
    /// <param name="values">Values other than the chart's, as <c>path.of.value=JSON</c>.</param>
    public static async Task<Manifests> RenderAsync(params string[] values)
    {
        bool helm = Programs.Exists("helm");
        string? renderer = helm ? "helm" : await Renderer.Value;
        Assert.SkipWhen(renderer is null, "Neither helm, nor Go with Debian's packages of Sprig and sigs.k8s.io/yaml, is installed.");
        var start = new ProcessStartInfo(renderer) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments = helm
            ? ["template", "test", Repository.PathOf(Folder), "--kube-version", "1.34.0", .. values.SelectMany(value => (string[])["--set-json", value])]
            : [Repository.PathOf(Folder), .. values];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        (int code, string output) = await Programs.RunAsync(start);
        Assert.True(code == 0, output);
        return new Manifests(YamlDocuments.Parse(output));
    }

    private static async Task<string?> BuildRendererAsync()
    {
        const string Libraries = "/usr/share/gocode";
        if (!Programs.Exists("go") || !Directory.Exists($"{Libraries}/src/github.com/Masterminds/sprig") || !Directory.Exists($"{Libraries}/src/sigs.k8s.io/yaml"))
        {
            return null;
        }

        string program = Path.Combine(AppContext.BaseDirectory, "render");
        var start = new ProcessStartInfo("go") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["build", "-p", "1", "-o", program, Repository.PathOf("tests/LCNet.Deploy.Tests/Helm/render.go")])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["GO111MODULE"] = "off";
        start.Environment["GOPATH"] = Libraries;
        (int code, string output) = await Programs.RunAsync(start);
        Assert.True(code == 0, output);
        return program;
    }

    /// <summary>What a chart rendered to.</summary>
    internal sealed record Manifests(IReadOnlyList<JsonNode> All)
    {
        public JsonNode Only(string kind) => Assert.Single(OfKind(kind));

        public IEnumerable<JsonNode> OfKind(string kind) => All.Where(manifest => manifest.TextAt("kind") == kind);

        public JsonNode Pod => Only("Deployment").At("spec", "template");

        public JsonNode Container => Assert.Single(Pod.At("spec").Items("containers"));
    }
}
