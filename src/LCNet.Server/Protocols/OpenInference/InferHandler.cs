using Grpc.Core;
using Inference;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Classifier;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Runs the images of a request of the Open Inference Protocol, whichever port it came by. Thread-safe.</summary>
internal sealed class InferHandler(InferencePipeline pipeline, ServerOptions options)
{
    /// <summary>Checks a request and runs its images.</summary>
    /// <param name="model">That the request names; held by the caller, who has begun to measure the request for it.</param>
    /// <param name="fields">Names of the request's fields, for what is wrong with them.</param>
    /// <exception cref="Errors.ServerError">As for <see cref="InferRules.Check"/> and <see cref="InferencePipeline"/>.</exception>
    public async Task<InferAnswer> RunAsync(ServedModel model, ModelInferRequest request, InferFields fields, MeasuredRequest measured, Caller caller, CancellationToken cancellation)
    {
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

/// <summary>What must hold in a request to infer, except that its images can be decoded. Every breach is reported, not only the first.</summary>
internal static class InferRules
{
    /// <summary>Checks a request.</summary>
    /// <param name="request">From a caller: anything may be in it.</param>
    /// <param name="fields">Names of its fields, for what is wrong with them.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT; the message names every field in error and its limit.</exception>
    public static InferBatch Check(ModelInferRequest request, InferFields fields, ServedModel model, ServerOptions options)
    {
        var problems = new List<string>();
        ClassifyRules.CheckId(request.Id, problems);
        ComputeBudget budget = InferParameters.Read(request.Parameters, model, options.DefaultEffort, problems);
        IReadOnlyList<ImageInput> images = InferInputs.Read(request, fields, model.Input, options.MaxBatch, problems);
        IReadOnlyList<InferOutput> outputs = InferOutputs.Choose(request.Outputs, model.Labels.Count, problems);
        return problems.Count == 0
            ? new InferBatch(images, budget, outputs, request.RawInputContents.Count > 0)
            : throw ServerError.InvalidArgument(string.Join("; ", problems));
    }
}

/// <summary>What a request of the Open Inference Protocol asks for.</summary>
/// <param name="Images">At least one.</param>
/// <param name="Budget">How much may be computed for each of them.</param>
/// <param name="Outputs">To be returned, in this order.</param>
/// <param name="Raw">Whether outputs go back raw, as the inputs came.</param>
internal sealed record InferBatch(IReadOnlyList<ImageInput> Images, ComputeBudget Budget, IReadOnlyList<InferOutput> Outputs, bool Raw);

/// <summary>What the contents of an input are called in errors: gRPC and HTTP write them in different places.</summary>
/// <param name="Raw">Binary contents.</param>
/// <param name="Typed">The list of a name among the typed contents.</param>
internal sealed record InferFields(string Raw, Func<string, string> Typed)
{
    /// <summary>Names of the message <c>ModelInferRequest</c>.</summary>
    public static readonly InferFields Grpc = new("raw_input_contents[0]", list => $"inputs[0].contents.{list}");

    /// <summary>Names of the JSON request and its binary extension.</summary>
    public static readonly InferFields Http = new("the binary data of inputs[0]", _ => "inputs[0].data");
}
