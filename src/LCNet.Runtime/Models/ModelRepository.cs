using System.Globalization;
using System.Text;
using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>A folder of bundles, <c>&lt;model&gt;/&lt;version&gt;/bundle.json</c>. It is only read. Thread-safe.</summary>
/// <param name="folder">Holds a folder a model, with a folder a version. Passed over are models whose name begins with a dot and versions whose name is not a number.</param>
public sealed class ModelRepository(string folder)
{
    /// <summary>Where it is.</summary>
    public string Folder => folder;

    /// <summary>Opens and verifies a bundle, and holds it to the names of its folders.</summary>
    /// <param name="version">The bundle's folder.</param>
    /// <exception cref="BundleException">It is bad; the message names all of its problems in one line.</exception>
    public static Bundle Open(string version)
    {
        var bundle = Bundle.Open(version);
        BundleManifest manifest = bundle.Manifest;
        string expected = Path.Combine(manifest.Model, manifest.Version.ToString(CultureInfo.InvariantCulture));
        return Path.TrimEndingDirectorySeparator(bundle.Folder).EndsWith(Path.DirectorySeparatorChar + expected, StringComparison.Ordinal)
            ? bundle
            : throw new BundleException(bundle.Folder, [$"{BundleManifest.FileName} says {expected}, its folder does not"]);
    }

    /// <summary>The versions that are there now, good or bad, in the order of their paths.</summary>
    /// <exception cref="BundleException">There is no such folder.</exception>
    /// <exception cref="IOException">A folder cannot be read, for example as it has just gone.</exception>
    /// <exception cref="UnauthorizedAccessException">A folder may not be read.</exception>
    public IReadOnlyList<ModelFolder> List() => Directory.Exists(folder)
        ? [.. Directory.GetDirectories(folder).Where(IsModel).SelectMany(Directory.GetDirectories).Where(IsVersion).Order(StringComparer.Ordinal).Select(Look)]
        : throw new BundleException(folder, ["there is no such folder"]);

    // File systems keep snapshots, and Kubernetes what it is about to show, in folders of such names.
    private static bool IsModel(string path) => Path.GetFileName(path)[0] != '.';

    // Not one that is still being copied under another name.
    private static bool IsVersion(string path) => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static ModelFolder Look(string path)
    {
        var stamp = new StringBuilder();
        foreach (FileInfo file in new DirectoryInfo(path).GetFiles().OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            // What a link points to may change while the link does not.
            var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
            FileInfo content = target ?? file;
            stamp.Append(CultureInfo.InvariantCulture, $"{file.Name}/{target?.FullName}/{content.Length}/{content.LastWriteTimeUtc.Ticks}/{content.UnixFileMode}/");
        }

        return new ModelFolder(path, Path.GetFileName(Path.GetDirectoryName(path)!), stamp.ToString());
    }
}
