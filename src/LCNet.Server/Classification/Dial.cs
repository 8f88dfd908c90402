namespace LCNet.Server;

/// <summary>How much a network may compute for an image.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Cap">Most FLOPs that may be executed; <see cref="Bundles.Planner.NoCap"/> for none.</param>
/// <param name="IsFree">Whether the caller left it to the server, which then may lower the effort under load.</param>
internal readonly record struct Dial(double Effort, long Cap, bool IsFree = false);
