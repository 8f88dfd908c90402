using LCNet.Bundles;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Models;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Models;

/// <summary>
/// Loads and unloads models, one change at a time. A model is shown once it is warm; what it takes the place of is freed after its last request; what cannot be loaded
/// changes nothing. Thread-safe.
/// </summary>
internal sealed class ModelManager(
    ServerOptions options, ModelLoader loader, ModelRegistry registry, ServerMetrics metrics, IHostApplicationLifetime lifetime, ILogger<ModelManager> logger) : IDisposable
{
    private readonly ModelFolders _folders = new(options, logger);
    private readonly Lock _change = new();
    private readonly SortedDictionary<string, ModelEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<Task> _retiring = [];

    /// <summary>Loads whatever is there, and shows all of it at once.</summary>
    /// <returns>What is served.</returns>
    /// <exception cref="BundleException">There is no such folder, or a bundle is bad or none there and nothing will be loaded later; the message names all problems of one bundle in one line.</exception>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public ModelCatalog Begin()
    {
        lock (_change)
        {
            try
            {
                foreach (ModelFolder folder in _folders.Look(out _))
                {
                    Try(folder, model => (EntryOf(folder).Model, EntryOf(folder).Served) = (model, folder.Stamp), isStart: true);
                }
            }
            catch
            {
                foreach (ModelEntry entry in _entries.Values)
                {
                    entry.Model?.Dispose();
                }

                throw;
            }

            return _entries.Count > 0 || options.ModelControl != ModelControl.None
                ? Show()
                : throw new BundleException(_folders.Path, ["there is no bundle in it (<model>/<version>/bundle.json)"]);
        }
    }

    /// <summary>Looks at the folder, and loads what is new or has changed since the look before and has come to rest; unloads what is gone.</summary>
    /// <exception cref="BundleException">There is no such folder. Nothing has changed.</exception>
    /// <exception cref="IOException">The folder cannot be read. Nothing has changed.</exception>
    /// <exception cref="UnauthorizedAccessException">As before.</exception>
    public void Poll()
    {
        lock (_change)
        {
            IReadOnlyList<ModelFolder> there = _folders.Look(out IReadOnlyDictionary<string, string> unreadable);
            foreach (ModelFolder folder in there)
            {
                ModelEntry entry = EntryOf(folder);
                bool isUnchanged = entry.Seen == folder.Stamp;
                entry.Seen = folder.Stamp;
                if (isUnchanged && entry.Served != folder.Stamp && entry.Refused != folder.Stamp)
                {
                    Try(folder, model => Put(folder, model));
                }
            }

            Forget(there, path => !unreadable.ContainsKey(NameOf(path)));
        }
    }

    /// <summary>Loads what is new or has changed of one model, what was refused before included, and unloads versions that are gone.</summary>
    /// <returns>What could not be loaded, and why; null where there is no such model.</returns>
    /// <exception cref="BundleException">As for <see cref="Poll"/>.</exception>
    /// <exception cref="IOException">As for <see cref="Poll"/>.</exception>
    /// <exception cref="UnauthorizedAccessException">As for <see cref="Poll"/>.</exception>
    public IReadOnlyList<string>? Load(string model)
    {
        lock (_change)
        {
            ModelFolder[] there = [.. _folders.Look(out IReadOnlyDictionary<string, string> unreadable).Where(folder => folder.Model == model)];
            if (there.Length == 0)
            {
                return unreadable.TryGetValue(model, out string? problem) ? [problem] : null;
            }

            foreach (ModelFolder folder in there)
            {
                Try(folder, loaded => Put(folder, loaded));
            }

            Forget(there, path => NameOf(path) == model);
            return [.. there.Select(EntryOf).Where(entry => entry.Refused is not null).Select(entry => entry.Problem)];
        }
    }

    /// <summary>Unloads every version of a model.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Unload(string model)
    {
        lock (_change)
        {
            string[] served = [.. _entries.Where(entry => entry.Value.Model is not null && NameOf(entry.Key) == model).Select(entry => entry.Key)];
            Unload(served);
            return served.Length > 0;
        }
    }

    /// <summary>Every version that lies in the folder or is served, by path, with the reason where it is not served or what lies there is not what is.</summary>
    /// <exception cref="BundleException">As for <see cref="Poll"/>.</exception>
    /// <exception cref="IOException">As for <see cref="Poll"/>.</exception>
    /// <exception cref="UnauthorizedAccessException">As for <see cref="Poll"/>.</exception>
    public IReadOnlyList<(string Model, string Version, bool IsServed, string Problem)> List()
    {
        lock (_change)
        {
            IEnumerable<string> served = _entries.Where(entry => entry.Value.Model is not null).Select(entry => entry.Key);
            return [.. _folders.Look(out _).Select(folder => folder.Path).Union(served, StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(path =>
            {
                ModelEntry? entry = _entries.GetValueOrDefault(path);
                string problem = entry?.Refused is not null ? entry.Problem : entry is null ? "not loaded" : entry.Model is null ? "unloaded" : string.Empty;
                return (NameOf(path), Path.GetFileName(path), entry?.Model is not null, problem);
            })];
        }
    }

    /// <summary>Serves a model whose device has failed on the CPU, and from now on everything that is loaded.</summary>
    /// <param name="failed">That is served; where it is not any more nothing happens.</param>
    public void FallBack(ServedModel failed)
    {
        lock (_change)
        {
            if (_entries.FirstOrDefault(entry => entry.Value.Model == failed) is not { Key: { } path, Value: { } entry })
            {
                return;
            }

            loader.FallBack();
            var folder = new ModelFolder(path, NameOf(path), entry.Served!);
            entry.Served = null;
            Try(folder, model => Put(folder, model));
        }
    }

    /// <summary>Waits until what has been unloaded is freed.</summary>
    public void Dispose()
    {
        lock (_change)
        {
            Task.WaitAll(_retiring);
        }
    }

    private static string NameOf(string path) => Path.GetFileName(Path.GetDirectoryName(path)!);

    private ModelEntry EntryOf(ModelFolder folder)
    {
        if (!_entries.TryGetValue(folder.Path, out ModelEntry? entry))
        {
            entry = new ModelEntry();
            _entries.Add(folder.Path, entry);
        }

        return entry;
    }

    // Whatever is wrong with a bundle, it is no reason to stop serving the others; only what nothing will put right while the server runs keeps it from starting.
    private void Try(ModelFolder folder, Action<ServedModel> take, bool isStart = false)
    {
        ModelEntry entry = EntryOf(folder);
        try
        {
            Bundle bundle = ModelRepository.Open(folder.Path);
            if (entry.Served is not null && entry.Model?.Engine.Bundle.Manifest.Digest == bundle.Manifest.Digest)
            {
                // Written anew, or on another volume, and the same to the last byte.
                entry.Served = folder.Stamp;
            }
            else
            {
                take(loader.Load(bundle));
                if (!isStart)
                {
                    metrics.Changed(ModelChange.Loaded);
                }
            }

            entry.Refused = null;
        }
        catch (Exception exception) when (!isStart || (options.ModelControl != ModelControl.None && exception is not DeviceException))
        {
            if (!isStart && !_folders.IsUnchanged(folder))
            {
                // It is being written or deleted: the next look finds it as it is then.
                return;
            }

            entry.Refused = folder.Stamp;
            entry.Problem = exception is BundleException ? exception.Message : $"{folder.Path}: {exception.Message.ReplaceLineEndings(" ")}";
            metrics.Changed(ModelChange.Refused);
            Log.ModelRefused(logger, entry.Problem, exception is BundleException ? null : exception);
        }
    }

    private void Put(ModelFolder folder, ServedModel model)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            model.Dispose();
            return;
        }

        ModelEntry entry = EntryOf(folder);
        ServedModel? before = entry.Model;
        (entry.Model, entry.Served) = (model, folder.Stamp);
        Show();
        Log.ModelLoaded(logger, model.Name, model.Engine.Device, model.Executor, folder.Path);
        Retire(before);
    }

    // The last version of a model stays while another one is there that is not served yet, or cannot be.
    private void Forget(IReadOnlyList<ModelFolder> there, Func<string, bool> isAsked)
    {
        HashSet<string> paths = [.. there.Select(folder => folder.Path)];
        HashSet<string> awaited = [.. there.GroupBy(folder => folder.Model).Where(model => model.All(folder => EntryOf(folder).Model is null)).Select(model => model.Key)];
        string[] gone = [.. _entries.Keys.Where(path => isAsked(path) && !paths.Contains(path) && !awaited.Contains(NameOf(path)))];
        Unload([.. gone.Where(path => _entries[path].Model is not null)]);
        foreach (string path in gone)
        {
            _entries.Remove(path);
        }
    }

    private void Unload(string[] paths)
    {
        ServedModel[] models = [.. paths.Select(path => _entries[path].Model!)];
        foreach (string path in paths)
        {
            (_entries[path].Model, _entries[path].Served) = (null, null);
        }

        if (models.Length > 0)
        {
            Show();
        }

        foreach (ServedModel model in models)
        {
            metrics.Changed(ModelChange.Unloaded);
            Log.ModelUnloaded(logger, model.Name);
            Retire(model);
        }
    }

    private ModelCatalog Show()
    {
        var models = new ModelCatalog(_entries.Values.Select(entry => entry.Model).OfType<ServedModel>());
        metrics.Follow(models);
        registry.Show(models);
        return models;
    }

    private void Retire(ServedModel? model)
    {
        _retiring.RemoveAll(task => task.IsCompleted);
        if (model is not null)
        {
            _retiring.Add(model.RetireAsync());
        }
    }
}
