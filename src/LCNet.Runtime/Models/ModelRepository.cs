using System.Globalization;
using System.Text;
using LCNet.Bundles;

namespace LCNet.Runtime.Models;

/// <summary>A folder of bundles, <c>&lt;model&gt;/&lt;version&gt;/bundle.json</c>. It is only read. Thread-safe.</summary>
/// <param name="folder">Holds a folder a model, with a folder a version. Passed over are models whose name begins with a dot and versions whose name is not a number.</param>
public sealed class ModelRepository(string folder)
{
    /// <summary>Path of the folder.</summary>
    public string Folder => folder;

    /// <summary>Opens and verifies a bundle, and holds it to the names of its folders.</summary>
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
    /// <exception cref="IOException">The folder itself cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder itself may not be read.</exception>
    public IReadOnlyList<ModelFolder> List() => List(out _);

    /// <summary>As <see cref="List()"/>, with the folders of models that cannot be read: what is wrong with one is no reason to know nothing of the others.</summary>
    /// <param name="unreadable">By the model's name, why its folder cannot be read; for example a file system's <c>lost+found</c>.</param>
    /// <exception cref="BundleException">As for <see cref="List()"/>.</exception>
    /// <exception cref="IOException">As for <see cref="List()"/>.</exception>
    /// <exception cref="UnauthorizedAccessException">As for <see cref="List()"/>.</exception>
    public IReadOnlyList<ModelFolder> List(out IReadOnlyDictionary<string, string> unreadable)
    {
        if (!Directory.Exists(folder))
        {
            throw new BundleException(folder, ["there is no such folder"]);
        }

        var problems = new Dictionary<string, string>(StringComparer.Ordinal);
        var versions = new List<string>();
        foreach (string model in Directory.GetDirectories(folder).Where(IsModel))
        {
            try
            {
                versions.AddRange(Directory.GetDirectories(model).Where(IsVersion));
            }
            catch (DirectoryNotFoundException)
            {
                // It has just gone.
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                problems.Add(Path.GetFileName(model), exception.Message.ReplaceLineEndings(" "));
            }
        }

        unreadable = problems;
        return [.. versions.Order(StringComparer.Ordinal).Select(Look)];
    }

    // File systems keep snapshots, and Kubernetes what it is about to show, in folders of such names.
    private static bool IsModel(string path) => Path.GetFileName(path)[0] != '.';

    // Not one that is still being copied under another name.
    private static bool IsVersion(string path) => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out _);

    // What cannot be read is part of the stamp, as it may be readable at the next look; what that means for the bundle is found out when it is opened.
    private static ModelFolder Look(string path)
    {
        var stamp = new StringBuilder();
        try
        {
            foreach (FileInfo file in new DirectoryInfo(path).GetFiles().OrderBy(file => file.Name, StringComparer.Ordinal))
            {
                stamp.Append(CultureInfo.InvariantCulture, $"{file.Name}/{Content(file)}/");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            stamp.Append(CultureInfo.InvariantCulture, $"/{exception.GetType().Name}");
        }

        return new ModelFolder(path, Path.GetFileName(Path.GetDirectoryName(path)!), stamp.ToString());
    }

    private static string Content(FileInfo file)
    {
        try
        {
            // What a link points to may change while the link does not.
            var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
            FileInfo content = target ?? file;
            return string.Create(CultureInfo.InvariantCulture, $"{target?.FullName}/{content.Length}/{content.LastWriteTimeUtc.Ticks}/{content.UnixFileMode}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A link that leads nowhere, or in a circle.
            return exception.GetType().Name;
        }
    }
}

/// <summary>The folder of one version of one model, as it was when it was looked at. Immutable and thread-safe.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Model">The model's name, by its folder.</param>
/// <param name="Stamp">Changes when a file in it is added, removed, renamed or written, or may be read by others than before.</param>
public sealed record ModelFolder(string Path, string Model, string Stamp);
