using LCNet.Server.Models;

namespace LCNet.Server.Inference;

/// <summary>The images of one request that its protocol has checked.</summary>
/// <param name="Model">That runs; held by the caller until the request has ended.</param>
/// <param name="Images">At least one. They are let in or refused together.</param>
/// <param name="Budget">How much may be computed for each of them.</param>
/// <param name="Caller">Whose they are.</param>
/// <param name="IsBatch">Whether each image is a part of something larger and has a span of its own.</param>
internal sealed record InferenceRequest(ServedModel Model, IReadOnlyList<ImageInput> Images, ComputeBudget Budget, Caller Caller, bool IsBatch = false)
{
    /// <summary>What one of its images is expected to cost if it ran now, in FLOPs.</summary>
    public long PlannedFlops => Model.Effort.PlannedFlops(Budget);
}
