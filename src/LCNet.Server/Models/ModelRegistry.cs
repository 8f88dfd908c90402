using LCNet.Server.Errors;

namespace LCNet.Server.Models;

/// <summary>
/// The models in force, as a snapshot that is swapped, and whether calls are taken: not before models are loaded, while there are none or the device that runs one has failed, and once
/// the server was told to stop. Thread-safe.
/// </summary>
internal sealed class ModelRegistry(IHostApplicationLifetime lifetime) : IDisposable
{
    private ModelCatalog? _models;

    /// <summary>Whether calls are taken.</summary>
    public bool IsReady => Taken is { All.Count: > 0 } models && !models.All.Any(model => model.Health.HasFailed);

    /// <summary>The models, some of which may take calls while the device of others has failed; null before they are loaded, and once the server was told to stop.</summary>
    public ModelCatalog? Taken => lifetime.ApplicationStopping.IsCancellationRequested ? null : Volatile.Read(ref _models);

    /// <summary>The models, whether calls are taken or not; null before they are loaded.</summary>
    public ModelCatalog? Shown => Volatile.Read(ref _models);

    /// <summary>The models while calls are taken; null while none are.</summary>
    public ModelCatalog? Current => IsReady ? Volatile.Read(ref _models) : null;

    /// <summary>The models, for a call that asks about them.</summary>
    /// <exception cref="ServerError">UNAVAILABLE: no calls are taken.</exception>
    public ModelCatalog Models
    {
        get
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw ServerError.Draining();
            }

            return Volatile.Read(ref _models) ?? throw ServerError.Loading();
        }
    }

    /// <summary>Finds the model that a request names, and holds it until the request has ended, whatever is loaded and unloaded meanwhile.</summary>
    /// <param name="model">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <param name="version">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <param name="modelField">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <param name="versionField">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <exception cref="ServerError">UNAVAILABLE: no calls are taken. Otherwise as <see cref="ModelCatalog.Find"/>.</exception>
    public ModelUse Use(string model, string version, string modelField = "model", string versionField = "version")
    {
        while (true)
        {
            ServedModel found = Models.Find(model, version, modelField, versionField);
            if (found.Health.HasFailed)
            {
                throw ServerError.DeviceDown();
            }

            // Where it is being freed, the next look finds another catalog.
            if (found.TryUse())
            {
                return new ModelUse(found);
            }
        }
    }

    /// <summary>Whether calls of one model are taken: another one's device may have failed.</summary>
    /// <param name="model">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <param name="version">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <param name="modelField">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <param name="versionField">As for <see cref="ModelCatalog.Find"/>.</param>
    /// <exception cref="ServerError">As <see cref="ModelCatalog.Find"/>.</exception>
    public bool IsModelReady(string model, string version, string modelField = "model", string versionField = "version") =>
        Taken is { All.Count: > 0 } models && !models.Find(model, version, modelField, versionField).Health.HasFailed;

    /// <summary>Takes calls with these models from now on, and with no others.</summary>
    public void Show(ModelCatalog models) => Volatile.Write(ref _models, models);

    /// <summary>Frees the models. The container calls it after the last call has ended.</summary>
    public void Dispose()
    {
        foreach (ServedModel model in _models?.All ?? [])
        {
            model.Dispose();
        }
    }
}

/// <summary>A request's hold on the model that takes it: until it is disposed, once, the model is not freed. From <see cref="ModelRegistry.Use"/>.</summary>
internal readonly struct ModelUse(ServedModel model) : IDisposable
{
    /// <summary>The model.</summary>
    public ServedModel Model => model;

    /// <summary>Ends the use.</summary>
    public void Dispose() => model.EndUse();
}
