using Grpc.Core;
using Inference;

namespace LCNet.Server;

/// <summary>What must hold in a request to infer, except that its images can be decoded. Every breach is reported, not only the first.</summary>
internal static class InferRules
{
    /// <summary>Checks a request.</summary>
    /// <param name="request">From a caller: anything may be in it.</param>
    /// <param name="model">The model that it names.</param>
    /// <param name="options">The server's limits.</param>
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
