using Grpc.Core;
using LCNet.Server.Errors;
using LCNet.Server.Models;

namespace LCNet.Server.Protocols.Repository;

/// <summary>Loading and unloading by call, whichever protocol it comes by. Thread-safe.</summary>
internal sealed class RepositoryActions(ModelManager models)
{
    /// <summary>Every version in the folder, or that is served.</summary>
    /// <param name="ready">Whether only those that are served.</param>
    /// <exception cref="ServerError">FAILED_PRECONDITION: the folder cannot be looked at.</exception>
    public IReadOnlyList<RepositoryModel> Index(bool ready) => Run(() =>
        models.List().Where(model => model.IsServed || !ready).Select(model => new RepositoryModel(model.Model, model.Version, model.IsServed ? "READY" : "UNAVAILABLE", model.Problem)).ToArray());

    /// <summary>Loads what is new or has changed of a model. Takes seconds.</summary>
    /// <exception cref="ServerError">NOT_FOUND: there is no such model. INVALID_ARGUMENT: a version is bad; the others are loaded. FAILED_PRECONDITION: as above.</exception>
    public void Load(string model)
    {
        IReadOnlyList<string> problems = Run(() => models.Load(model)) ?? throw ServerError.NotFound($"there is no model {ServerError.Quote(model)} in the folder");
        if (problems.Count > 0)
        {
            throw ServerError.InvalidArgument(string.Join("; ", problems).ReplaceLineEndings(" "));
        }
    }

    /// <summary>Unloads every version of a model.</summary>
    /// <exception cref="ServerError">NOT_FOUND: none is served.</exception>
    public void Unload(string model)
    {
        if (!Run(() => models.Unload(model)))
        {
            throw ServerError.NotFound($"the model {ServerError.Quote(model)} is not served");
        }
    }

    private static T Run<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception exception)
        {
            throw new ServerError(StatusCode.FailedPrecondition, exception.Message.ReplaceLineEndings(" "), exception) { HttpStatus = StatusCodes.Status500InternalServerError };
        }
    }
}
