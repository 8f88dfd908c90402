namespace LCNet.Server;

/// <summary>One label.</summary>
/// <param name="Label">Its name.</param>
/// <param name="Index">Its place among the logits.</param>
/// <param name="Probability">In [0, 1].</param>
internal sealed record LivePrediction(string Label, int Index, float Probability);
