namespace LCNet.Server;

/// <summary>How one image is classified.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Cap">Most FLOPs that may be executed; <see cref="Bundles.Planner.NoCap"/> for none.</param>
/// <param name="TopK">How many predictions to return, 1 to the number of labels.</param>
internal readonly record struct ClassifySettings(double Effort, long Cap, int TopK);
