using Grpc.Core;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>The service <c>lcnet.v1.Classifier</c>. Thread-safe.</summary>
internal sealed class ClassifierService(Serving serving, ImageClassifier classifier, ClassifyStreams streams, Callers callers, ServerOptions options)
    : Classifier.ClassifierBase
{
    [Measured]
    public override Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context) =>
        AnswerAsync(request, RequestMeasurement.Of(context), callers.Of(context), context.CancellationToken);

    public override Task ClassifyStream(
        IAsyncStreamReader<ClassifyRequest> requestStream, IServerStreamWriter<ClassifyStreamResponse> responseStream, ServerCallContext context)
    {
        Caller caller = callers.Of(context);
        return streams.RunAsync(requestStream, responseStream, (request, measured) => AnswerAsync(request, measured, caller, context.CancellationToken), context);
    }

    public override Task<ListModelsResponse> ListModels(ListModelsRequest request, ServerCallContext context) =>
        Task.FromResult(new ListModelsResponse { Models = { serving.Models.All.Select(model => model.Description) } });

    public override Task<Model> GetModel(GetModelRequest request, ServerCallContext context) =>
        Task.FromResult(serving.Models.Find(request.Model, request.Version).Description);

    private async Task<ClassifyResponse> AnswerAsync(ClassifyRequest request, MeasuredRequest measured, Caller caller, CancellationToken cancellation)
    {
        using ModelUse use = serving.Use(request.Model, request.Version);
        ServedModel model = use.Model;
        measured.Begin(model);
        ClassifySettings settings = ClassifyRules.Check(request, model, options.DefaultEffort);
        var job = new ImageJob(model, [ClassifyRules.Input(request)], settings.Dial, caller);
        ClassifyResponse reply = await classifier.RunAsync(
            job, (result, waited) => ClassifyReply.From(request.Id, model, settings.TopK, waited, result), cancellation).ConfigureAwait(false);
        measured.Answer(reply);
        return reply;
    }
}
