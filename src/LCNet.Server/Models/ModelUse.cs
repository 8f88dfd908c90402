namespace LCNet.Server;

/// <summary>A request's hold on the model that takes it: until it is disposed, once, the model is not freed. From <see cref="ModelRegistry.Use"/>.</summary>
/// <param name="model">Held already.</param>
internal readonly struct ModelUse(ServedModel model) : IDisposable
{
    /// <summary>The model.</summary>
    public ServedModel Model => model;

    /// <summary>Lets go of it.</summary>
    public void Dispose() => model.EndUse();
}
