using Grpc.Core;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Telemetry;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>The service <c>lcnet.v1.Classifier</c>. Thread-safe.</summary>
internal sealed class ClassifierService(ModelRegistry registry, ClassifyHandler handler, ClassifyStreams streams, Callers callers)
    : V1.Classifier.ClassifierBase
{
    [Measured]
    public override Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context) =>
        AnswerAsync(request, RequestMeasurementMiddleware.Of(context), callers.Of(context), context.CancellationToken);

    public override Task ClassifyStream(
        IAsyncStreamReader<ClassifyRequest> requestStream, IServerStreamWriter<ClassifyStreamResponse> responseStream, ServerCallContext context)
    {
        Caller caller = callers.Of(context);
        return streams.RunAsync(requestStream, responseStream, (request, measured) => AnswerAsync(request, measured, caller, context.CancellationToken), context);
    }

    public override Task<ListModelsResponse> ListModels(ListModelsRequest request, ServerCallContext context) =>
        Task.FromResult(new ListModelsResponse { Models = { registry.Models.All.Select(ModelDescription.Of) } });

    public override Task<Model> GetModel(GetModelRequest request, ServerCallContext context) =>
        Task.FromResult(ModelDescription.Of(registry.Models.Find(request.Model, request.Version)));

    private async Task<ClassifyResponse> AnswerAsync(ClassifyRequest request, MeasuredRequest measured, Caller caller, CancellationToken cancellation)
    {
        using ModelUse use = registry.Use(request.Model, request.Version);
        measured.Begin(use.Model);
        return await handler.AnswerAsync(use.Model, request, measured, caller, cancellation).ConfigureAwait(false);
    }
}
