using System.Diagnostics;

namespace LCNet.Runtime;

/// <summary>One image of a batch.</summary>
/// <param name="Pixels">The network's input, 3 × height × width values.</param>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Cap">Most FLOPs; <see cref="Bundles.Planner.NoCap"/> for none.</param>
/// <param name="Result">Takes logits, plan and executed FLOPs.</param>
/// <param name="Trace">The span that its own belong to; the default for none.</param>
internal readonly record struct BatchImage(ReadOnlyMemory<float> Pixels, double Effort, long Cap, InferenceResult Result, ActivityContext Trace);
