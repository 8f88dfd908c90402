using LCNet.Server.Configuration;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>Answers a request to classify one image, whichever call it came by. Thread-safe.</summary>
internal sealed class ClassifyHandler(InferencePipeline pipeline, ServerOptions options)
{
    /// <summary>Checks a request, runs its image and writes the reply.</summary>
    /// <param name="model">That the request names; held by the caller, who has begun to measure the request for it.</param>
    /// <exception cref="Errors.ServerError">PERMISSION_DENIED: the caller's key may not ask for a verification. Otherwise as for <see cref="ClassifyRules.Check"/> and <see cref="InferencePipeline"/>.</exception>
    public async Task<ClassifyResponse> AnswerAsync(ServedModel model, ClassifyRequest request, MeasuredRequest measured, Caller caller, CancellationToken cancellation)
    {
        if (request.Verify && caller.Key?.Limits.MayVerify == false)
        {
            throw AccessErrors.MayNotVerify();
        }

        ClassifySettings settings = ClassifyRules.Check(request, model, options.DefaultEffort);
        var inference = new InferenceRequest(model, [ClassifyRules.Input(request)], settings.Budget, caller, Verifies: request.Verify);
        ClassifyResponse reply = await pipeline.RunAsync(
            inference, outcome => ClassifyReply.From(request, model, settings.TopK, outcome), cancellation).ConfigureAwait(false);
        measured.Answer(reply);
        return reply;
    }
}
