using LCNet.Bundles;
using LCNet.Server.Models;

namespace LCNet.Server.Inference;

/// <summary>How much a network may compute for an image.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="MaxFlops">Most FLOPs that may be executed; <see cref="Planner.NoCap"/> for any number.</param>
/// <param name="IsDefault">Whether the caller left it to the server, which then may lower the effort under load.</param>
internal readonly record struct ComputeBudget(double Effort, long MaxFlops, bool IsDefault = false)
{
    /// <summary>Checks what a caller set, whichever the protocol.</summary>
    /// <param name="effort">As given; null where it is absent.</param>
    /// <param name="maxFlops">As given; null where it is absent.</param>
    /// <param name="problems">Takes a line a breach; the budget means nothing where there is one.</param>
    public static ComputeBudget Check(double? effort, long? maxFlops, ServedModel model, double defaultEffort, string prefix, List<string> problems)
    {
        if (effort is not null && maxFlops is not null)
        {
            problems.Add($"{prefix}effort, {prefix}max_flops: only one of them may be given");
        }

        if (effort is not null and not (> 0 and <= 1))
        {
            problems.Add($"{prefix}effort: {effort} is outside (0, 1]");
        }

        long minimum = model.Engine.Bundle.Flops.Minimum;
        if (maxFlops < minimum)
        {
            problems.Add($"{prefix}max_flops: {maxFlops} is below {minimum}, the cost of the model's cheapest path");
        }

        return maxFlops is long cap
            ? new ComputeBudget(model.Engine.Efforts.EffortFor(cap), cap)
            : new ComputeBudget(effort ?? defaultEffort, Planner.NoCap, IsDefault: effort is null);
    }
}
