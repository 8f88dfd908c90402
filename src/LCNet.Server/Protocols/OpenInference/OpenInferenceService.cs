using Grpc.Core;
using Inference;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>The service <c>inference.GRPCInferenceService</c>, for clients of the Open Inference Protocol. Thread-safe.</summary>
internal sealed class OpenInferenceService(ModelRegistry registry, InferHandler handler, Callers callers) : GRPCInferenceService.GRPCInferenceServiceBase
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
        InferAnswer answer = await handler.RunAsync(request, InferFields.Grpc, RequestMeasurementMiddleware.Of(context), callers.Of(context), context.CancellationToken).ConfigureAwait(false);
        return InferReply.From(request.Id, answer);
    }

    private ServedModel Find(string name, string version) => registry.Models.Find(name, version, "name", "version");
}
