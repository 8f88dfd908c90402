using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LCNet.Server.Security.Keys;

/// <summary>
/// The API keys. What is kept is the hash of each, and what a caller sends is compared with all of them in a time that does not depend on how much of it is right. A plain
/// hash is enough, for keys are random and not to be guessed; a slow one would be a way to keep the server busy. Immutable and thread-safe.
/// </summary>
internal sealed partial class KeyRing
{
    private const int MostKeys = 1024;
    private const int LongestKey = 512;
    private const double MostImagesPerSecond = 1e9;
    private const double LeastImagesPerSecond = 1e-3;
    private const double MostFlopsPerSecond = 1e18;
    private const int MostConcurrentImages = 1_000_000;
    private readonly ApiKey[] _keys;

    private KeyRing(ApiKey[] keys) => _keys = keys;

    /// <summary>Number of keys.</summary>
    public int Count => _keys.Length;

    /// <summary>Reads the file. A key that was there before goes on with what it has used; one that is gone is revoked.</summary>
    /// <param name="before">The ring so far; null for none.</param>
    /// <exception cref="SecurityFileException">It cannot be used; nothing has changed.</exception>
    public static KeyRing Parse(ReadOnlySpan<byte> json, KeyRing? before, TimeProvider time)
    {
        IReadOnlyList<KeyFile.KeyEntry> entries = Read(json);
        ApiKey[] keys = [.. entries.Select(entry => Make(entry, before, time))];
        foreach (ApiKey gone in before?._keys.Except(keys) ?? [])
        {
            gone.Revoke();
        }

        return new KeyRing(keys);
    }

    /// <summary>The key that a caller sent; null where there is no such key.</summary>
    public ApiKey? Find(ReadOnlySpan<char> sent)
    {
        Span<byte> bytes = stackalloc byte[LongestKey];
        if (sent.IsEmpty || !Encoding.UTF8.TryGetBytes(sent, bytes, out int length))
        {
            return null;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..length], hash);
        CryptographicOperations.ZeroMemory(bytes);
        ApiKey? found = null;
        foreach (ApiKey key in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, key.Hash))
            {
                found = key;
            }
        }

        return found;
    }

    private static IReadOnlyList<KeyFile.KeyEntry> Read(ReadOnlySpan<byte> json)
    {
        KeyFile file;
        try
        {
            file = JsonSerializer.Deserialize(json, KeyJson.Default.KeyFile) ?? throw new SecurityFileException("the file is empty");
        }
        catch (JsonException exception)
        {
            // The message might quote what is in the file.
            throw new SecurityFileException(
                $"line {exception.LineNumber + 1} of the file is not as {{\"keys\": [{{\"name\": …, \"sha256\": …}}]}} with operator, imagesPerSecond, flopsPerSecond and concurrentImages");
        }

        string? problem = file.Keys.Count is 0 or > MostKeys ? $"there are {file.Keys.Count} keys, not 1 to {MostKeys}"
            : file.Keys.Select(Problem).FirstOrDefault(problem => problem is not null)
            ?? Twice(file.Keys, entry => entry.Name, "name") ?? Twice(file.Keys, entry => entry.Sha256.ToUpperInvariant(), "sha256");
        return problem is null ? file.Keys : throw new SecurityFileException(problem);
    }

    private static string? Problem(KeyFile.KeyEntry entry, int index) =>
        !Name().IsMatch(entry.Name) ? $"keys[{index}]: name is not 1 to 64 letters, digits, dots, hyphens and underscores"
        : !Hexadecimal().IsMatch(entry.Sha256) ? $"keys[{index}], {entry.Name}: sha256 is not 64 hexadecimal digits"
        : entry.ImagesPerSecond is < LeastImagesPerSecond or > MostImagesPerSecond ? $"keys[{index}], {entry.Name}: imagesPerSecond is not {LeastImagesPerSecond} to {MostImagesPerSecond}"
        : entry.FlopsPerSecond is < 1 or > MostFlopsPerSecond ? $"keys[{index}], {entry.Name}: flopsPerSecond is not 1 to {MostFlopsPerSecond}"
        : entry.ConcurrentImages is < 1 or > MostConcurrentImages ? $"keys[{index}], {entry.Name}: concurrentImages is not 1 to {MostConcurrentImages}"
        : null;

    private static string? Twice(IEnumerable<KeyFile.KeyEntry> entries, Func<KeyFile.KeyEntry, string> value, string field) =>
        entries.GroupBy(value, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } group ? $"{string.Join(" and ", group.Select(entry => entry.Name))} have one {field}" : null;

    private static ApiKey Make(KeyFile.KeyEntry entry, KeyRing? before, TimeProvider time)
    {
        byte[] hash = Convert.FromHexString(entry.Sha256);
        var limits = new KeyLimits(entry.Operator, entry.ImagesPerSecond, entry.FlopsPerSecond, entry.ConcurrentImages, entry.Verify);
        if (before?._keys.FirstOrDefault(key => key.Name == entry.Name && key.Hash.SequenceEqual(hash)) is { } same)
        {
            same.Limits = limits;
            return same;
        }

        return new ApiKey(entry.Name, hash, limits, time);
    }

    [GeneratedRegex(@"^[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[0-9A-Fa-f]{64}\z")]
    private static partial Regex Hexadecimal();
}
