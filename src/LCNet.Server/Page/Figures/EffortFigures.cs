namespace LCNet.Server;

/// <summary>One effort.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Share">Mean planned share of the dense FLOPs.</param>
/// <param name="Top1">Share of validation images that it got right.</param>
/// <param name="Milliseconds">What an image took in the mean where the bundle was timed; null where it was not.</param>
internal sealed record EffortFigures(double Effort, double Share, double Top1, double? Milliseconds);
