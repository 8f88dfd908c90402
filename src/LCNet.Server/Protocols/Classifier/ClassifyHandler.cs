using LCNet.Server.Configuration;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Telemetry;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>Answers a request to classify one image, whichever call it came by. Thread-safe.</summary>
internal sealed class ClassifyHandler(InferencePipeline pipeline, ServerOptions options)
{
    /// <summary>Checks a request, runs its image and writes the reply.</summary>
    /// <param name="model">That the request names; held by the caller, who has begun to measure the request for it.</param>
    /// <exception cref="Errors.ServerError">As for <see cref="ClassifyRules.Check"/> and <see cref="InferencePipeline"/>.</exception>
    public async Task<ClassifyResponse> AnswerAsync(ServedModel model, ClassifyRequest request, MeasuredRequest measured, Caller caller, CancellationToken cancellation)
    {
        ClassifySettings settings = ClassifyRules.Check(request, model, options.DefaultEffort);
        var inference = new InferenceRequest(model, [ClassifyRules.Input(request)], settings.Budget, caller);
        ClassifyResponse reply = await pipeline.RunAsync(
            inference, (result, waited) => ClassifyReply.From(request, model, settings.TopK, waited, result), cancellation).ConfigureAwait(false);
        measured.Answer(reply);
        return reply;
    }
}
