namespace LCNet.Server;

/// <summary>How much a network may compute for an image.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Cap">Most FLOPs that may be executed; <see cref="Bundles.Planner.NoCap"/> for none.</param>
internal readonly record struct Dial(double Effort, long Cap);
