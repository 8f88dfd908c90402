using LCNet.Bundles;
using LCNet.Runtime.Models;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;

namespace LCNet.Server.Models;

/// <summary>The folder of models, as the server looks at it. Not thread-safe.</summary>
internal sealed class ModelFolders(ServerOptions options, ILogger<ModelManager> logger)
{
    private readonly ModelRepository _repository = new(System.IO.Path.GetFullPath(options.Models));
    private IReadOnlyDictionary<string, string> _unreadable = new Dictionary<string, string>();

    /// <summary>Path of the folder.</summary>
    public string Path => _repository.Folder;

    /// <summary>Every version that lies there. What is wrong with a model's folder is logged once, until it is right again or wrong otherwise.</summary>
    /// <param name="unreadable">Models whose folders cannot be read, with the reason.</param>
    /// <exception cref="BundleException">There is no such folder.</exception>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">As before.</exception>
    public IReadOnlyList<ModelFolder> Look(out IReadOnlyDictionary<string, string> unreadable)
    {
        IReadOnlyList<ModelFolder> there = _repository.List(out unreadable);
        foreach ((string model, string problem) in unreadable)
        {
            if (_unreadable.GetValueOrDefault(model) != problem)
            {
                Log.ModelRefused(logger, problem, null);
            }
        }

        _unreadable = unreadable;
        return there;
    }

    /// <summary>Whether a version lies there as it did.</summary>
    public bool IsUnchanged(ModelFolder folder)
    {
        try
        {
            return _repository.List().Contains(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or BundleException)
        {
            return false;
        }
    }
}
