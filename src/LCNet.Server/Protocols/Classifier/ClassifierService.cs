using Grpc.Core;
using LCNet.Server.Configuration;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Telemetry;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>The service <c>lcnet.v1.Classifier</c>. Thread-safe.</summary>
internal sealed class ClassifierService(ModelRegistry registry, InferencePipeline pipeline, ClassifyStreams streams, Callers callers, ServerOptions options)
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
        ServedModel model = use.Model;
        measured.Begin(model);
        ClassifySettings settings = ClassifyRules.Check(request, model, options.DefaultEffort);
        var inference = new InferenceRequest(model, [ClassifyRules.Input(request)], settings.Budget, caller);
        ClassifyResponse reply = await pipeline.RunAsync(
            inference, (result, waited) => ClassifyReply.From(request.Id, model, settings.TopK, waited, result), cancellation).ConfigureAwait(false);
        measured.Answer(reply);
        return reply;
    }
}
