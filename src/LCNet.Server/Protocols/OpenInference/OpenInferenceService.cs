using Grpc.Core;
using Inference;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Repository;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>The service <c>inference.GRPCInferenceService</c>, for clients of the Open Inference Protocol. Thread-safe.</summary>
internal sealed class OpenInferenceService(ModelRegistry registry, InferHandler handler, Callers callers, RepositoryActions repository, ServerOptions options) : GRPCInferenceService.GRPCInferenceServiceBase
{
    public override Task<ServerLiveResponse> ServerLive(ServerLiveRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerLiveResponse { Live = true });

    public override Task<ServerReadyResponse> ServerReady(ServerReadyRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerReadyResponse { Ready = registry.IsReady });

    public override Task<ModelReadyResponse> ModelReady(ModelReadyRequest request, ServerCallContext context) => Task.FromResult(new ModelReadyResponse
    {
        Ready = registry.IsModelReady(request.Name, request.Version, "name", "version"),
    });

    public override Task<ServerMetadataResponse> ServerMetadata(ServerMetadataRequest request, ServerCallContext context) =>
        Task.FromResult(InferMetadata.OfServer());

    public override Task<ModelMetadataResponse> ModelMetadata(ModelMetadataRequest request, ServerCallContext context) =>
        Task.FromResult(InferMetadata.Of(Find(request.Name, request.Version), registry.Models.All));

    [Measured]
    public override async Task<ModelInferResponse> ModelInfer(ModelInferRequest request, ServerCallContext context)
    {
        using ModelUse use = registry.Use(request.ModelName, request.ModelVersion, "model_name", "model_version");
        MeasuredRequest measured = RequestMeasurementMiddleware.Of(context);
        measured.Begin(use.Model);
        InferAnswer answer = await handler.RunAsync(use.Model, request, InferFields.Grpc, measured, callers.Of(context), context.CancellationToken).ConfigureAwait(false);
        return InferReply.From(request.Id, answer);
    }

    public override Task<ModelConfigResponse> ModelConfig(ModelConfigRequest request, ServerCallContext context) =>
        Task.FromResult(new ModelConfigResponse { Config = TritonReplies.Config(Find(request.Name, request.Version), options.MaxBatch) });

    public override Task<ModelStatisticsResponse> ModelStatistics(ModelStatisticsRequest request, ServerCallContext context)
    {
        ServedModel? named = request.Name.Length == 0 ? null : Find(request.Name, request.Version);
        IEnumerable<ServedModel> asked = named is null ? registry.Models.All
            : request.Version.Length > 0 ? [named]
            : registry.Models.All.Where(model => model.ModelName == named.ModelName);
        return Task.FromResult(new ModelStatisticsResponse { ModelStats = { asked.Select(TritonReplies.Statistics) } });
    }

    public override Task<RepositoryIndexResponse> RepositoryIndex(RepositoryIndexRequest request, ServerCallContext context)
    {
        CheckRepository(context);
        return Task.FromResult(new RepositoryIndexResponse
        {
            Models = { repository.Index(request.Ready).Select(model => new RepositoryIndexResponse.Types.ModelIndex { Name = model.Name, Version = model.Version, State = model.State, Reason = model.Reason }) },
        });
    }

    public override async Task<RepositoryModelLoadResponse> RepositoryModelLoad(RepositoryModelLoadRequest request, ServerCallContext context)
    {
        CheckRepository(context);
        if (request.Parameters.Keys.FirstOrDefault() is { } other)
        {
            throw RepositoryRequest.NoParameter(other);
        }

        await Task.Run(() => repository.Load(request.ModelName)).ConfigureAwait(false);
        return new RepositoryModelLoadResponse();
    }

    public override Task<RepositoryModelUnloadResponse> RepositoryModelUnload(RepositoryModelUnloadRequest request, ServerCallContext context)
    {
        CheckRepository(context);
        if (request.Parameters.Keys.FirstOrDefault(name => name != "unload_dependents") is { } other)
        {
            throw RepositoryRequest.NoParameter(other);
        }

        repository.Unload(request.ModelName);
        return Task.FromResult(new RepositoryModelUnloadResponse());
    }

    // On the port that callers use, loading is for who has shown to be an operator. The HTTP port can be kept to operators by its address.
    private void CheckRepository(ServerCallContext context)
    {
        if (options.ModelControl != ModelControl.Explicit)
        {
            throw new ServerError(StatusCode.Unimplemented, $"{context.Method}: models are not loaded by call; LCNet:ModelControl is {options.ModelControl}");
        }

        if (ApiKeyIdentity.KeyOf(context.GetHttpContext()) is not { Limits.IsOperator: true })
        {
            throw new ServerError(StatusCode.PermissionDenied, $"{context.Method}: needs an operator's API key; without keys models are loaded by the HTTP port");
        }
    }

    private ServedModel Find(string name, string version) => registry.Models.Find(name, version, "name", "version");
}
