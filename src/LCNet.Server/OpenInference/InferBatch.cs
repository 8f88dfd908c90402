namespace LCNet.Server;

/// <summary>What a request of the Open Inference Protocol asks for.</summary>
/// <param name="Images">At least one.</param>
/// <param name="Dial">How much may be computed for each of them.</param>
/// <param name="Outputs">To be returned, in this order.</param>
/// <param name="Raw">Whether outputs go back raw, as the inputs came.</param>
internal sealed record InferBatch(IReadOnlyList<ImageInput> Images, Dial Dial, IReadOnlyList<InferOutput> Outputs, bool Raw);
