using System.Globalization;
using Grpc.Core;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>The models that are served. Immutable and thread-safe.</summary>
internal sealed class ModelCatalog : IDisposable
{
    private readonly ModelRepository _repository;
    private readonly Dictionary<InferenceEngine, ServedModel> _models;
    private readonly int _names;

    /// <summary>Serves every model of a repository.</summary>
    /// <param name="repository">Owned from here on.</param>
    /// <param name="options">How much may wait for a model, and run.</param>
    /// <param name="time">The clock.</param>
    public ModelCatalog(ModelRepository repository, ServerOptions options, TimeProvider time)
    {
        _repository = repository;
        All = [.. repository.All.Select(engine => new ServedModel(engine, options, time))];
        _models = All.ToDictionary(model => model.Engine);
        _names = All.Select(model => model.Description.Name).Distinct(StringComparer.Ordinal).Count();
    }

    /// <summary>Every model and version, by name and then by version.</summary>
    public IReadOnlyList<ServedModel> All { get; }

    /// <summary>Finds the model that a request names.</summary>
    /// <param name="model">Its name; empty where there is only one model.</param>
    /// <param name="version">Its version; empty for the highest.</param>
    /// <param name="modelField">What the request calls the name.</param>
    /// <param name="versionField">What the request calls the version.</param>
    /// <exception cref="RpcException">NOT_FOUND: there is no such model or version. INVALID_ARGUMENT: no name is given where there are several models.</exception>
    public ServedModel Find(string model, string version, string modelField = "model", string versionField = "version")
    {
        if (model.Length == 0 && _names > 1)
        {
            throw Refusals.InvalidArgument($"{modelField}: is empty, but {_names} models are served; ListModels names them");
        }

        if (_repository.Find(model, version) is { } engine)
        {
            return _models[engine];
        }

        bool known = _repository.Find(model, string.Empty) is not null;
        throw Refusals.NotFound(known
            ? $"{versionField}: there is no version {Refusals.Quote(version)} of the model; ListModels names those that are served"
            : $"{modelField}: there is no model {Refusals.Quote(model)}; ListModels names those that are served");
    }

    /// <summary>Frees every model. Call it once nothing runs.</summary>
    public void Dispose()
    {
        foreach (ServedModel model in All)
        {
            model.Dispose();
        }

        _repository.Dispose();
    }

    /// <summary>Names, versions and sizes, for the log.</summary>
    public override string ToString() => string.Join(", ", All.Select(model => string.Create(
        CultureInfo.InvariantCulture,
        $"{model.Description.Name} version {model.Description.Version} ({model.Description.DenseFlops / 1e6:0.##} MFLOPs dense)")));
}
