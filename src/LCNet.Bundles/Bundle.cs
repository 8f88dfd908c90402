using System.Security.Cryptography;

namespace LCNet.Bundles;

/// <summary>A verified bundle on disk. Immutable and thread-safe.</summary>
public sealed class Bundle
{
    private Bundle(string folder, BundleManifest manifest)
    {
        Folder = folder;
        Manifest = manifest;
        Flops = new FlopsModel(manifest);
    }

    /// <summary>The bundle's folder.</summary>
    public string Folder { get; }

    /// <summary>What the bundle says of itself.</summary>
    public BundleManifest Manifest { get; }

    /// <summary>What its parts cost.</summary>
    public FlopsModel Flops { get; }

    /// <summary>Full path of one of the bundle's files.</summary>
    public string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>Reads a bundle and verifies all of it: format, digests, shapes and ranges.</summary>
    /// <exception cref="BundleException">Something is wrong; the message names every problem and its file in one line.</exception>
    public static Bundle Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, BundleManifest.FileName);
        byte[] text;
        try
        {
            text = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BundleException(folder, [$"{BundleManifest.FileName} cannot be read: {Reason(exception)}"]);
        }

        (BundleManifest? manifest, string? problem) = ManifestText.Read(text);
        if (manifest is null)
        {
            throw new BundleException(folder, [$"{BundleManifest.FileName} {problem}"]);
        }

        List<string> problems = [.. ManifestRules.Check(manifest).Select(rule => $"{BundleManifest.FileName}: {rule}")];
        problems.AddRange(CheckFiles(folder, manifest));
        return problems.Count > 0 ? throw new BundleException(folder, problems) : new Bundle(folder, manifest);
    }

    /// <summary>Completes a bundle whose segments are in place: hashes them and writes the manifest, last and atomically.</summary>
    /// <param name="folder">Holds the ONNX files that the manifest names.</param>
    /// <param name="manifest">Its <see cref="BundleManifest.Files"/> and digest are filled in here.</param>
    /// <returns>The bundle, read back and verified.</returns>
    /// <exception cref="BundleException">The manifest breaks a rule or names a file that is not there.</exception>
    public static Bundle Write(string folder, BundleManifest manifest)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(manifest);
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in ManifestRules.NamedFiles(manifest))
        {
            string path = Path.Combine(folder, file);
            files[file] = File.Exists(path) ? Hash(path) : throw new BundleException(folder, [$"{file} is missing"]);
        }

        // Before anything is written: what breaks a rule must not take the place of a good bundle.
        BundleManifest complete = manifest with { Files = files };
        IReadOnlyList<string> broken = ManifestRules.Check(complete);
        if (broken.Count > 0)
        {
            throw new BundleException(folder, [.. broken.Select(rule => $"{BundleManifest.FileName}: {rule}")]);
        }

        string target = Path.Combine(folder, BundleManifest.FileName);
        File.WriteAllBytes(target + ".partial", ManifestText.Write(complete));
        File.Move(target + ".partial", target, overwrite: true);
        return Open(folder);
    }

    private static IEnumerable<string> CheckFiles(string folder, BundleManifest manifest)
    {
        foreach ((string file, string stated) in manifest.Files.Where(entry => ManifestRules.IsFileName(entry.Key)))
        {
            string path = Path.Combine(folder, file);
            if (!File.Exists(path))
            {
                yield return $"{file} is missing";
                continue;
            }

            string? problem = null;
            try
            {
                problem = Hash(path) == stated ? null : $"{file} does not match its SHA-256: it is damaged or was changed";
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                problem = $"{file} cannot be read: {Reason(exception)}";
            }

            if (problem is not null)
            {
                yield return problem;
            }
        }
    }

    private static string Hash(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static string Reason(Exception exception) => exception switch
    {
        FileNotFoundException => "there is no such file",
        DirectoryNotFoundException => "there is no such folder",
        UnauthorizedAccessException => "access is denied",
        _ => exception.Message.ReplaceLineEndings(" "),
    };
}
