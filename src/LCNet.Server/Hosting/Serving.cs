using Grpc.Core;

namespace LCNet.Server;

/// <summary>Whether the server takes calls: not before its models are loaded, and no longer once it was told to stop. Thread-safe.</summary>
internal sealed class Serving(IHostApplicationLifetime lifetime) : IDisposable
{
    private ModelCatalog? _models;

    /// <summary>Whether calls are taken.</summary>
    public bool IsReady => Volatile.Read(ref _models) is not null && !lifetime.ApplicationStopping.IsCancellationRequested;

    /// <summary>The models while calls are taken; null while none are.</summary>
    public ModelCatalog? Current => IsReady ? Volatile.Read(ref _models) : null;

    /// <summary>The models, for a call that begins.</summary>
    /// <exception cref="RpcException">UNAVAILABLE: no calls are taken.</exception>
    public ModelCatalog Models
    {
        get
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw new RpcException(Refusals.Draining);
            }

            return Volatile.Read(ref _models) ?? throw new RpcException(new Status(StatusCode.Unavailable, "the models are being loaded"));
        }
    }

    /// <summary>Begins to take calls.</summary>
    /// <param name="models">Owned from here on.</param>
    public void Begin(ModelCatalog models) => Volatile.Write(ref _models, models);

    /// <summary>Frees the models. The container calls it after the last call has ended.</summary>
    public void Dispose() => _models?.Dispose();
}
