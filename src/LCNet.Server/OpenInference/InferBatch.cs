namespace LCNet.Server;

/// <summary>What a request of the Open Inference Protocol asks for.</summary>
/// <param name="Images">At least one.</param>
/// <param name="Budget">How much may be computed for each of them.</param>
/// <param name="Outputs">To be returned, in this order.</param>
/// <param name="Raw">Whether outputs go back raw, as the inputs came.</param>
internal sealed record InferBatch(IReadOnlyList<ImageInput> Images, ComputeBudget Budget, IReadOnlyList<InferOutput> Outputs, bool Raw);
