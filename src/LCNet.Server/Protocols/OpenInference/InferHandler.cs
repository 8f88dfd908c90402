using Inference;
using LCNet.Server.Configuration;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Runs the images of a request of the Open Inference Protocol, whichever port it came by. Thread-safe.</summary>
internal sealed class InferHandler(ModelRegistry registry, InferencePipeline pipeline, ServerOptions options)
{
    /// <summary>Checks a request and runs its images.</summary>
    /// <param name="fields">Names of the request's fields, for what is wrong with them.</param>
    /// <exception cref="Errors.ServerError">As for <see cref="ModelRegistry.Use"/>, <see cref="InferRules.Check"/> and <see cref="InferencePipeline"/>.</exception>
    public async Task<InferAnswer> RunAsync(ModelInferRequest request, InferFields fields, MeasuredRequest measured, Caller caller, CancellationToken cancellation)
    {
        using ModelUse use = registry.Use(request.ModelName, request.ModelVersion, "model_name", "model_version");
        ServedModel model = use.Model;
        measured.Begin(model);
        InferBatch batch = InferRules.Check(request, fields, model, options);
        var rows = new InferRows(model, batch.Images.Count);
        var inference = new InferenceRequest(model, batch.Images, batch.Budget, caller, IsBatch: true);
        await pipeline.RunAsync(inference, rows.Set, cancellation).ConfigureAwait(false);
        measured.Answer(model, rows);
        return new InferAnswer(model, batch, rows);
    }
}

/// <summary>What a batch gave, from which each protocol writes its reply.</summary>
/// <param name="Model">That ran.</param>
/// <param name="Batch">What was asked for.</param>
/// <param name="Rows">What the images gave and cost.</param>
internal sealed record InferAnswer(ServedModel Model, InferBatch Batch, InferRows Rows);
