namespace LCNet.Runtime.Engine;

/// <summary>What a full batch took on a GPU when its model was loaded, the median of five alternations, on random images.</summary>
/// <param name="Images">Of the batch.</param>
/// <param name="Gated">At effort 1.</param>
/// <param name="Static">As the static network, every block and channel, in one graph.</param>
public sealed record BatchTimes(int Images, TimeSpan Gated, TimeSpan Static);
