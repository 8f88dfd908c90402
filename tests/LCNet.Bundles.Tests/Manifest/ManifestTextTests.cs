using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace LCNet.Bundles.Tests;

public class ManifestTextTests(SharedBundle shared) : IClassFixture<SharedBundle>
{
    /// <summary>Every list and map of the manifest that has elements, as paths into it.</summary>
    public static TheoryData<string> Elements { get; } =
    [
        "labels/0", "input/mean/1", "spans/0", "blocks/2", "prices/1", "calibration/1", "files/stem.onnx", "provenance/recipe/digest",
    ];

    public static TheoryData<string> Members { get; } =
    [
        "model", "version", "labels", "input", "stem", "spans", "blocks", "head", "dense", "prices", "calibration", "provenance", "files",
        "input/width", "input/height", "input/colour", "input/mean", "input/std", "input/resize", "stem/file", "stem/flops", "stem/output",
        "head/output/channels", "head/output/height", "head/output/width", "spans/0/file", "spans/0/flops", "spans/0/first_block",
        "spans/1/blocks", "blocks/0/file", "blocks/0/kind", "blocks/0/input", "blocks/0/output", "blocks/0/channels", "blocks/0/flops",
        "blocks/1/flops/shortcut", "blocks/1/flops/per_channel", "blocks/1/flops/per_channel_squared", "calibration/0/effort",
        "prices/0/effort", "prices/0/price", "calibration/0/mean_flops", "calibration/0/p95_flops", "calibration/0/top1", "calibration/0/top1_standard_error", "provenance/data", "provenance/split",
        "provenance/recipe", "provenance/seed", "provenance/epochs", "provenance/tool",
    ];

    [Theory]
    [MemberData(nameof(Members))]
    public void Open_MissingMember_IsRefusedNamingIt(string path)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        AssertNoManifest(root => Parent(root, path).AsObject().Remove(name), $"'{name}'");
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Open_NullMember_IsRefused(string path) => AssertNoManifest(root => Set(root, path, null));

    [Theory]
    [MemberData(nameof(Elements))]
    public void Open_NullElement_IsRefused(string path) => AssertNoManifest(root => Set(root, path, null));

    [Theory]
    [MemberData(nameof(Members))]
    public void Open_MemberOfAnotherType_IsRefused(string path) => AssertNoManifest(root => Set(root, path, true));

    [Theory]
    [InlineData("")]
    [InlineData("input/")]
    [InlineData("blocks/0/")]
    [InlineData("blocks/0/flops/")]
    [InlineData("calibration/0/")]
    [InlineData("provenance/")]
    public void Open_UnknownMember_IsRefusedNamingIt(string prefix) =>
        AssertNoManifest(root => Set(root, prefix + "novelty", 1), "'novelty'");

    [Fact]
    public void Open_TruncatedJson_IsRefusedAsNoManifest()
    {
        BundleFolder folder = shared.Restored();
        byte[] good = File.ReadAllBytes(folder.Manifest);
        File.WriteAllBytes(folder.Manifest, good[..(good.Length / 2)]);
        Assert.StartsWith("bundle.json is not a manifest: ", Assert.Single(folder.Refused().Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is not a manifest")]
    [InlineData("\n", "is not a manifest")]
    [InlineData("null", "has no format version")]
    [InlineData("[1]", "has no format version")]
    [InlineData("{}", "has no format version")]
    [InlineData("{\"format\": \"1\"}", "has no format version")]
    [InlineData("{\"format\": 1.5}", "has no format version")]
    [InlineData("{\"format\": 99999999999}", "has no format version")]
    [InlineData("{\"format\": 2}", "has no digest")]
    [InlineData("{\"format\": 2, \"digest\": \"12\"}", "has no digest")]
    [InlineData("{\"\\ud800 of format\": 2}", "is not a manifest")]
    public void Open_TextThatIsNoManifest_IsRefused(string text, string complaint)
    {
        BundleFolder folder = shared.Restored();
        File.WriteAllText(folder.Manifest, text);
        Assert.StartsWith($"bundle.json {complaint}", Assert.Single(folder.Refused().Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_DeeplyNestedJson_IsRefused()
    {
        BundleFolder folder = shared.Restored();
        File.WriteAllText(folder.Manifest, $"{{\"format\": 2, \"labels\": {new string('[', 100_000)}");
        Assert.StartsWith("bundle.json is not a manifest", Assert.Single(folder.Refused().Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_StringThatIsNotUnicode_IsRefused()
    {
        BundleFolder folder = shared.Restored();
        byte[] text = File.ReadAllBytes(folder.Manifest);
        byte[] blank = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(text)
            .Replace(Bundle.Open(folder.Folder).Manifest.Digest, new string('0', 64), StringComparison.Ordinal)
            .Replace("\"none\"", "\"n\u00ffe\"", StringComparison.Ordinal));
        string digest = BundleFolder.Sha256(blank);
        File.WriteAllBytes(folder.Manifest, Encoding.Latin1.GetBytes(
            Encoding.Latin1.GetString(blank).Replace($"\"digest\": \"{new string('0', 64)}", $"\"digest\": \"{digest}", StringComparison.Ordinal)));

        Assert.StartsWith("bundle.json is not a manifest", Assert.Single(folder.Refused().Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_DigestElsewhereThanInItsMember_IsRefused()
    {
        BundleFolder folder = shared.Restored();

        // A right digest, but as an entry of the recipe: the manifest itself has none.
        JsonNode root = JsonNode.Parse(File.ReadAllBytes(folder.Manifest))!;
        root.AsObject().Remove("digest");
        root["provenance"]!["recipe"]!["digest"] = new string('0', 64);
        folder.WriteWithDigest(root.ToJsonString(new() { WriteIndented = true }));

        Assert.Equal(["bundle.json has no digest"], folder.Refused().Problems);
    }

    private void AssertNoManifest(Action<JsonNode> edit, string mention = "")
    {
        BundleFolder folder = shared.Restored();
        folder.EditManifest(edit);
        string problem = Assert.Single(folder.Refused().Problems);
        Assert.StartsWith("bundle.json is not a manifest: ", problem, StringComparison.Ordinal);
        Assert.Contains(mention, problem, StringComparison.Ordinal);
    }

    private static JsonNode Parent(JsonNode root, string path)
    {
        foreach (string part in path.Split('/')[..^1])
        {
            root = root is JsonArray array ? array[int.Parse(part, CultureInfo.InvariantCulture)]! : root[part]!;
        }

        return root;
    }

    private static void Set(JsonNode root, string path, JsonNode? value)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        JsonNode parent = Parent(root, path);
        if (parent is JsonArray array)
        {
            array[int.Parse(name, CultureInfo.InvariantCulture)] = value;
        }
        else
        {
            parent[name] = value;
        }
    }
}
