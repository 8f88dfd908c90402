using System.Globalization;
using Grpc.Core;
using LCNet.Server.Errors;

namespace LCNet.Server.Models;

/// <summary>The models that are served at one moment. Immutable and thread-safe; it owns none of them.</summary>
internal sealed class ModelCatalog
{
    private const int MostNames = 10;

    private readonly Dictionary<string, SortedList<int, ServedModel>> _models = new(StringComparer.Ordinal);

    /// <summary>Makes a catalog.</summary>
    /// <param name="models">Each version at most once.</param>
    public ModelCatalog(IEnumerable<ServedModel> models)
    {
        foreach (ServedModel model in models)
        {
            if (!_models.TryGetValue(model.ModelName, out SortedList<int, ServedModel>? versions))
            {
                versions = [];
                _models.Add(model.ModelName, versions);
            }

            versions.Add(model.Engine.Bundle.Manifest.Version, model);
        }

        All = [.. _models.OrderBy(model => model.Key, StringComparer.Ordinal).SelectMany(model => model.Value.Values)];
    }

    /// <summary>Every model and version, by name and then by version.</summary>
    public IReadOnlyList<ServedModel> All { get; }

    /// <summary>Finds the model that a request names.</summary>
    /// <param name="model">Its name; empty where there is only one model.</param>
    /// <param name="version">Its version; empty for the highest.</param>
    /// <exception cref="ServerError">
    /// NOT_FOUND: there is no such model or version. INVALID_ARGUMENT: no name is given where there are several models. UNAVAILABLE: there is none at all.
    /// </exception>
    public ServedModel Find(string model, string version, string modelField = "model", string versionField = "version")
    {
        if (_models.Count == 0)
        {
            throw ServerError.NoModel();
        }

        if (model.Length == 0 && _models.Count > 1)
        {
            throw ServerError.InvalidArgument($"{modelField}: is empty, but there are several models: {Names(_models.Keys.Order(StringComparer.Ordinal))}");
        }

        SortedList<int, ServedModel>? versions = model.Length == 0 ? _models.Values.First() : _models.GetValueOrDefault(model);
        if (versions is null)
        {
            throw ServerError.NotFound($"{modelField}: there is no model {ServerError.Quote(model)}; served: {Names(_models.Keys.Order(StringComparer.Ordinal))}");
        }

        if (version.Length == 0)
        {
            return versions.Values[^1];
        }

        return int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && versions.TryGetValue(number, out ServedModel? found)
            ? found
            : throw ServerError.NotFound($"{versionField}: there is no version {ServerError.Quote(version)} of {ServerError.Quote(versions.Values[0].ModelName)}; served: {Names(versions.Keys.Select(served => served.ToString(CultureInfo.InvariantCulture)))}");
    }

    // The message travels as a header.
    private static string Names(IEnumerable<string> all)
    {
        string[] names = [.. all.Take(MostNames + 1)];
        return string.Join(", ", names.Take(MostNames)) + (names.Length > MostNames ? ", …" : string.Empty);
    }

    /// <summary>Names, versions, sizes and executors, for the log.</summary>
    public override string ToString() => All.Count == 0 ? "no model" : string.Join(", ", All.Select(model => string.Create(
        CultureInfo.InvariantCulture,
        $"{model.Name} ({model.Engine.Bundle.Flops.Dense / 1e6:0.##} MFLOPs dense, executor {model.Executor})")));
}
