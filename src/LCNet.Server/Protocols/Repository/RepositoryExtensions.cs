using System.Text.Json.Serialization.Metadata;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Http;

namespace LCNet.Server.Protocols.Repository;

/// <summary>Loading and unloading by call, with the paths and bodies of the model repository extension that KServe and Triton share.</summary>
internal static class RepositoryExtensions
{
    /// <summary>What all paths begin with.</summary>
    public const string BasePath = "/v2/repository";

    private const string ModelPath = BasePath + "/models/{model}";

    /// <summary>Maps the calls. They answer on the HTTP port alone, and to no page of another server.</summary>
    public static void MapModelRepository(this IEndpointRouteBuilder app)
    {
        ModelManager models = app.ServiceProvider.GetRequiredService<ModelManager>();
        void Map(string path, string[] parameters, Func<string, RepositoryRequest, (int Status, IResult? Body)> answer) => app.MapPost(path, async context =>
        {
            if (!UploadedImage.IsOwn(context.Request))
            {
                throw ServerError.OtherPage();
            }

            (RepositoryRequest? request, string? problem) = await RepositoryRequest.ReadAsync(context.Request, parameters).ConfigureAwait(false);

            // Loading takes seconds.
            string model = context.Request.RouteValues["model"] as string ?? string.Empty;
            (int status, IResult? body) = request is null ? Error(StatusCodes.Status400BadRequest, problem!) : await Task.Run(() => Answer(model, request, answer)).ConfigureAwait(false);
            context.Response.StatusCode = status;
            if (body is not null)
            {
                await body.ExecuteAsync(context).ConfigureAwait(false);
            }
        });

        Map(BasePath + "/index", [], (_, request) => (StatusCodes.Status200OK, Json(Index(models, request.Ready), RepositoryJson.Default.RepositoryModelArray)));
        Map(ModelPath + "/load", [], (model, _) => models.Load(model) switch
        {
            null => NotFound($"there is no model {ServerError.Quote(model)} in the folder"),
            [] => (StatusCodes.Status200OK, null),
            { } problems => Error(StatusCodes.Status400BadRequest, string.Join("; ", problems)),
        });

        // No model depends on another.
        Map(ModelPath + "/unload", ["unload_dependents"], (model, _) => models.Unload(model) ? (StatusCodes.Status200OK, null) : NotFound($"the model {ServerError.Quote(model)} is not served"));
    }

    private static RepositoryModel[] Index(ModelManager models, bool ready) =>
        [.. models.List().Where(model => model.IsServed || !ready).Select(model => new RepositoryModel(model.Model, model.Version, model.IsServed ? "READY" : "UNAVAILABLE", model.Problem))];

    private static (int Status, IResult? Body) Answer(string model, RepositoryRequest request, Func<string, RepositoryRequest, (int Status, IResult? Body)> answer)
    {
        try
        {
            return answer(model, request);
        }
        catch (Exception exception)
        {
            return Error(StatusCodes.Status500InternalServerError, exception.Message);
        }
    }

    private static (int Status, IResult? Body) NotFound(string message) => Error(StatusCodes.Status404NotFound, message);

    private static (int Status, IResult? Body) Error(int status, string message) =>
        (status, Json(new InferenceProblem(message.ReplaceLineEndings(" ")), ErrorJson.Readable.InferenceProblem));

    private static IResult Json<T>(T value, JsonTypeInfo<T> type) => Results.Json(value, type);
}
