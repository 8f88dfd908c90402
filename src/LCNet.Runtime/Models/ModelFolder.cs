namespace LCNet.Runtime;

/// <summary>The folder of one version of one model, as it was when it was looked at. Immutable and thread-safe.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Model">The model's name, by its folder.</param>
/// <param name="Stamp">Changes when a file in it is added, removed, renamed or written, or may be read by others than before.</param>
public sealed record ModelFolder(string Path, string Model, string Stamp);
