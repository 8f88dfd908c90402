namespace LCNet.Server;

/// <summary>What was counted.</summary>
/// <param name="Images">Answered.</param>
/// <param name="DenseFlops">That the static network would have cost.</param>
/// <param name="PlannedFlops">That the plans needed.</param>
/// <param name="ExecutedFlops">That were dispatched.</param>
/// <param name="Saved">1 - planned / dense; null where there was no image.</param>
internal sealed record CountFigures(long Images, long DenseFlops, long PlannedFlops, long ExecutedFlops, double? Saved);
