using Grpc.Core;
using Inference;
using LCNet.Server.Configuration;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>The service <c>inference.GRPCInferenceService</c>, for clients of the Open Inference Protocol. Thread-safe.</summary>
internal sealed class OpenInferenceService(ModelRegistry registry, InferencePipeline pipeline, Callers callers, ServerOptions options) : GRPCInferenceService.GRPCInferenceServiceBase
{
    public override Task<ServerLiveResponse> ServerLive(ServerLiveRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerLiveResponse { Live = true });

    public override Task<ServerReadyResponse> ServerReady(ServerReadyRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerReadyResponse { Ready = registry.IsReady });

    public override Task<ModelReadyResponse> ModelReady(ModelReadyRequest request, ServerCallContext context) => Task.FromResult(new ModelReadyResponse
    {
        // Of the model that it names: another one's device may have failed.
        Ready = registry.Taken is { All.Count: > 0 } models && !models.Find(request.Name, request.Version, "name", "version").Health.HasFailed,
    });

    public override Task<ServerMetadataResponse> ServerMetadata(ServerMetadataRequest request, ServerCallContext context) =>
        Task.FromResult(InferMetadata.OfServer());

    public override Task<ModelMetadataResponse> ModelMetadata(ModelMetadataRequest request, ServerCallContext context) =>
        Task.FromResult(InferMetadata.Of(Find(request.Name, request.Version), registry.Models.All));

    [Measured]
    public override async Task<ModelInferResponse> ModelInfer(ModelInferRequest request, ServerCallContext context)
    {
        using ModelUse use = registry.Use(request.ModelName, request.ModelVersion, "model_name", "model_version");
        ServedModel model = use.Model;
        MeasuredRequest measured = RequestMeasurementMiddleware.Of(context);
        measured.Begin(model);
        InferBatch batch = InferRules.Check(request, model, options);
        var rows = new InferRows(model, batch.Images.Count);

        var inference = new InferenceRequest(model, batch.Images, batch.Budget, callers.Of(context), IsBatch: true);
        await pipeline.RunAsync(inference, rows.Set, context.CancellationToken).ConfigureAwait(false);
        measured.Answer(model, rows);
        return InferReply.From(request.Id, model, batch, rows);
    }

    private ServedModel Find(string name, string version) => registry.Models.Find(name, version, "name", "version");
}
