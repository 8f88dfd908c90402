using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LCNet.Bundles;

/// <summary>The manifest as text: JSON with a digest of itself, so that no byte of it can change unnoticed.</summary>
internal static class ManifestText
{
    private const string DigestKey = "\"digest\": \"";
    private const int DigestLength = 64;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        RespectNullableAnnotations = true,
    };

    /// <summary>The text of a manifest, with its digest.</summary>
    public static byte[] Write(BundleManifest manifest)
    {
        byte[] text = JsonSerializer.SerializeToUtf8Bytes(manifest with { Digest = new string('0', DigestLength) }, Json);
        Encoding.ASCII.GetBytes(Digest(text)).CopyTo(text.AsSpan(FindDigest(text)));
        return text;
    }

    /// <summary>Reads a manifest.</summary>
    /// <returns>The manifest, or null and what is wrong with the text.</returns>
    public static (BundleManifest? Manifest, string? Problem) Read(byte[] text)
    {
        // An unknown format may have other members, so it is told apart before anything else is read.
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("format", out JsonElement format)
                || format.ValueKind != JsonValueKind.Number
                || !format.TryGetInt32(out int version))
            {
                return (null, "has no format version");
            }

            if (version != BundleManifest.CurrentFormat)
            {
                return (null, $"has format {version}; this build reads format {BundleManifest.CurrentFormat}");
            }

            int digest = FindDigest(text);
            if (digest < 0)
            {
                return (null, "has no digest");
            }

            byte[] blank = [.. text];
            string stated = Encoding.ASCII.GetString(blank, digest, DigestLength);
            blank.AsSpan(digest, DigestLength).Fill((byte)'0');
            if (stated != Digest(blank))
            {
                return (null, "does not match its own digest: it was changed after it was written");
            }

            BundleManifest manifest = JsonSerializer.Deserialize<BundleManifest>(text, Json)!;
            if (HasHoles(manifest))
            {
                return (null, "is not a manifest: null stands in a list or map");
            }

            // What was verified may have been an entry of that name elsewhere.
            return manifest.Digest == stated ? (manifest, null) : (null, "has no digest");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            string one = exception.Message.ReplaceLineEndings(" ");
            return (null, $"is not a manifest: {one}");
        }
    }

    // The serializer honours nullable annotations of members only, not of elements.
    private static bool HasHoles(BundleManifest manifest) => new IEnumerable<object?>[]
    {
        manifest.Labels, manifest.Spans, manifest.Blocks, manifest.Prices, manifest.Calibration, manifest.Files.Values, manifest.Provenance.Recipe.Values,
    }.Any(values => values.Contains(null));

    private static string Digest(byte[] text) => Convert.ToHexStringLower(SHA256.HashData(text));

    private static int FindDigest(ReadOnlySpan<byte> text)
    {
        int key = text.IndexOf(Encoding.ASCII.GetBytes(DigestKey));
        int start = key + DigestKey.Length;
        return key < 0 || start + DigestLength > text.Length ? -1 : start;
    }
}
