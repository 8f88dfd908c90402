using System.Text.Json;
using LCNet.Server.Protocols.Http;
using LCNet.Server.Security;

namespace LCNet.Server.Protocols.Repository;

/// <summary>Loading and unloading by call, with the paths and bodies of the model repository extension that KServe and Triton share.</summary>
internal static class RepositoryExtensions
{
    /// <summary>What all paths begin with.</summary>
    public const string BasePath = "/v2/repository";

    private const string ModelPath = BasePath + "/models/{model}";

    /// <summary>Maps the calls.</summary>
    public static void MapModelRepository(this IEndpointRouteBuilder endpoints)
    {
        RepositoryActions actions = endpoints.ServiceProvider.GetRequiredService<RepositoryActions>();
        void Map(string path, string[] parameters, Func<string, RepositoryRequest, Task<byte[]>> answer) => endpoints.MapOnly(HttpMethods.Post, path, async context =>
        {
            RepositoryRequest request = await RepositoryRequest.ReadAsync(context.Request, parameters).ConfigureAwait(false);
            byte[] reply = await answer(context.Request.RouteValues["model"] as string ?? string.Empty, request).ConfigureAwait(false);
            if (reply.Length > 0)
            {
                await ResponseHeaders.WriteAsync(context, "application/json", reply).ConfigureAwait(false);
            }
        });

        Map(BasePath + "/index", [], (_, request) => Task.FromResult(JsonSerializer.SerializeToUtf8Bytes([.. actions.Index(request.Ready)], RepositoryJson.Default.RepositoryModelArray)));

        // Loading takes seconds.
        Map(ModelPath + "/load", [], async (model, _) =>
        {
            await Task.Run(() => actions.Load(model)).ConfigureAwait(false);
            return [];
        });

        // No model depends on another.
        Map(ModelPath + "/unload", ["unload_dependents"], (model, _) =>
        {
            actions.Unload(model);
            return Task.FromResult<byte[]>([]);
        });
    }
}
