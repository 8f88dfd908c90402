using System.Globalization;
using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>The models of a folder, <c>models/&lt;model&gt;/&lt;version&gt;/</c>, loaded and warm. Immutable and thread-safe.</summary>
public sealed class ModelRepository : IDisposable
{
    private readonly Dictionary<string, SortedDictionary<int, InferenceEngine>> _models = new(StringComparer.Ordinal);

    private ModelRepository()
    {
    }

    /// <summary>Every model and version, by name and then by version.</summary>
    public IReadOnlyList<InferenceEngine> All =>
        [.. _models.OrderBy(model => model.Key, StringComparer.Ordinal).SelectMany(model => model.Value.Values)];

    /// <summary>Loads every version of every model in a folder.</summary>
    /// <param name="folder">Holds a folder a model, with a folder a version; folders whose name is not a number are passed over.</param>
    /// <param name="options">How each engine runs.</param>
    /// <exception cref="BundleException">There is no bundle, or one is bad; the message names all problems of that bundle in one line.</exception>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public static ModelRepository Load(string folder, EngineOptions options)
    {
        string[] versions = Directory.Exists(folder)
            ? [.. Directory.GetDirectories(folder).SelectMany(Directory.GetDirectories).Where(IsVersion).Order(StringComparer.Ordinal)]
            : throw new BundleException(folder, ["there is no such folder"]);
        if (versions.Length == 0)
        {
            throw new BundleException(folder, ["there is no bundle in it (<model>/<version>/bundle.json)"]);
        }

        var repository = new ModelRepository();
        try
        {
            foreach (string version in versions)
            {
                repository.Add(Bundle.Open(version), options);
            }

            return repository;
        }
        catch
        {
            repository.Dispose();
            throw;
        }
    }

    /// <summary>Finds a model.</summary>
    /// <param name="model">Its name; empty where there is only one model.</param>
    /// <param name="version">Its version; empty for the highest.</param>
    /// <returns>The engine, or null where there is no such model or version.</returns>
    public InferenceEngine? Find(string model, string version)
    {
        SortedDictionary<int, InferenceEngine>? versions = null;
        if (string.IsNullOrEmpty(model))
        {
            versions = _models.Count == 1 ? _models.Values.First() : null;
        }
        else
        {
            _models.TryGetValue(model, out versions);
        }

        if (versions is null)
        {
            return null;
        }

        if (string.IsNullOrEmpty(version))
        {
            return versions.Last().Value;
        }

        return int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && versions.TryGetValue(number, out InferenceEngine? engine)
            ? engine
            : null;
    }

    /// <summary>Frees every model. Call it once nothing runs.</summary>
    public void Dispose()
    {
        foreach (InferenceEngine engine in All)
        {
            engine.Dispose();
        }

        _models.Clear();
    }

    // Not one that is still being copied under another name.
    private static bool IsVersion(string folder) =>
        int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private void Add(Bundle bundle, EngineOptions options)
    {
        BundleManifest manifest = bundle.Manifest;
        string version = manifest.Version.ToString(CultureInfo.InvariantCulture);
        string expected = Path.Combine(manifest.Model, version);
        if (!Path.TrimEndingDirectorySeparator(bundle.Folder).EndsWith(Path.DirectorySeparatorChar + expected, StringComparison.Ordinal))
        {
            throw new BundleException(bundle.Folder, [$"{BundleManifest.FileName} says {expected}, its folder does not"]);
        }

        if (!_models.TryGetValue(manifest.Model, out SortedDictionary<int, InferenceEngine>? versions))
        {
            versions = [];
            _models.Add(manifest.Model, versions);
        }

        versions.Add(manifest.Version, InferenceEngine.Load(bundle, options));
    }
}
