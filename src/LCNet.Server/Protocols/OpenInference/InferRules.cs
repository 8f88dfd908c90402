using Grpc.Core;
using Inference;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Classifier;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>What must hold in a request to infer, except that its images can be decoded. Every breach is reported, not only the first.</summary>
internal static class InferRules
{
    /// <summary>Checks a request.</summary>
    /// <param name="request">From a caller: anything may be in it.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT; the message names every field in error and its limit.</exception>
    public static InferBatch Check(ModelInferRequest request, ServedModel model, ServerOptions options)
    {
        var problems = new List<string>();
        ClassifyRules.CheckId(request.Id, problems);
        ComputeBudget budget = InferParameters.Read(request.Parameters, model, options.DefaultEffort, problems);
        IReadOnlyList<ImageInput> images = InferInputs.Read(request, model.Input, options.MaxBatch, problems);
        IReadOnlyList<InferOutput> outputs = InferOutputs.Choose(request.Outputs, problems);
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
