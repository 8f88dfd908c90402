using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LCNet.Bundles.Tests;

/// <summary>A bundle in a folder of its own, removed when disposed. Its segments are random bytes: a bundle does not look inside them.</summary>
internal sealed class BundleFolder : IDisposable
{
    // Set up on purpose without the source's options, so that the format is pinned from outside.
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    private readonly string _root = Directory.CreateTempSubdirectory("lcnet-bundle-").FullName;

    /// <summary>Writes the segments of a manifest, but no manifest.</summary>
    public BundleFolder(BundleManifest manifest, int seed = 1)
    {
        // One level down, so that a traversal out of the bundle stays within the temporary folder.
        Folder = Path.Combine(_root, "bundle");
        Directory.CreateDirectory(Folder);
        var random = new Random(seed);
        foreach (string file in SegmentsOf(manifest))
        {
            byte[] bytes = new byte[random.Next(1, 40)];
            random.NextBytes(bytes);
            File.WriteAllBytes(PathOf(file), bytes);
        }
    }

    public string Folder { get; }

    public string Manifest => PathOf(BundleManifest.FileName);

    /// <summary>A complete bundle of <see cref="SyntheticNetwork.Example"/>.</summary>
    public static BundleFolder Example()
    {
        var folder = new BundleFolder(SyntheticNetwork.Example);
        Bundle.Write(folder.Folder, SyntheticNetwork.Example);
        return folder;
    }

    public static string[] SegmentsOf(BundleManifest manifest) =>
    [
        manifest.Stem.File, manifest.Head.File, .. new[] { manifest.Dense.File }.OfType<string>(),
        .. manifest.Spans.Select(span => span.File),
        .. manifest.Blocks.Select(block => block.File),
        .. manifest.Blocks.Where(block => block.ShortcutFile is not null).Select(block => block.ShortcutFile!),
    ];

    public static string Text(BundleManifest manifest) => JsonSerializer.Serialize(manifest, Json);

    public static string Sha256(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>SHA-256 of every file that is in the folder, but for the manifest.</summary>
    public SortedDictionary<string, string> Hashes()
    {
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string path in Directory.GetFiles(Folder).Where(path => path != Manifest))
        {
            hashes[Path.GetFileName(path)] = Sha256(File.ReadAllBytes(path));
        }

        return hashes;
    }

    /// <summary>Writes any manifest, rules or not, with a right digest.</summary>
    public void WriteManifest(BundleManifest manifest) => WriteWithDigest(Text(manifest with { Digest = new string('0', 64) }));

    /// <summary>Changes the manifest as JSON and gives it a right digest again, as someone would who knows the format.</summary>
    public void EditManifest(Action<JsonNode> edit)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllBytes(Manifest))!;
        edit(root);
        root["digest"] = new string('0', 64);
        WriteWithDigest(root.ToJsonString(Json));
    }

    /// <summary>Writes a text that has a digest of zeros, first of all the members of that name, and fills it in.</summary>
    public void WriteWithDigest(string text)
    {
        const string Key = "\"digest\": \"";
        int start = text.IndexOf(Key, StringComparison.Ordinal) + Key.Length;
        Assert.Equal(new string('0', 64), text.Substring(start, 64));
        File.WriteAllText(Manifest, text[..start] + Sha256(Encoding.UTF8.GetBytes(text)) + text[(start + 64)..]);
    }

    /// <summary>Opens what should be refused, and checks what every refusal has in common.</summary>
    public BundleException Refused()
    {
        BundleException exception = Assert.Throws<BundleException>(() => Bundle.Open(Folder));
        AssertOneLine(exception);
        return exception;
    }

    public void AssertOneLine(BundleException exception)
    {
        Assert.Equal(exception.Message, exception.Message.ReplaceLineEndings(" "));
        Assert.NotEmpty(exception.Problems);
        Assert.StartsWith($"Bundle {Folder} is refused: ", exception.Message, StringComparison.Ordinal);
        Assert.All(exception.Problems, problem => Assert.Contains(problem.ReplaceLineEndings(" "), exception.Message, StringComparison.Ordinal));
        Assert.Equal(Folder, exception.Folder);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
