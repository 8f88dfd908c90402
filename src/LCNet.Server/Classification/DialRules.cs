using LCNet.Bundles;

namespace LCNet.Server;

/// <summary>What must hold where a caller sets the dial, whichever the protocol.</summary>
internal static class DialRules
{
    /// <summary>Checks what a caller set, and makes a dial of it.</summary>
    /// <param name="effort">As given; null where it is absent.</param>
    /// <param name="maxFlops">As given; null where it is absent.</param>
    /// <param name="model">That will run.</param>
    /// <param name="defaultEffort">For requests with neither effort nor cap.</param>
    /// <param name="prefix">What goes before the fields' names.</param>
    /// <param name="problems">Takes a line a breach; the dial means nothing where there is one.</param>
    public static Dial Check(double? effort, long? maxFlops, ServedModel model, double defaultEffort, string prefix, List<string> problems)
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
            ? new Dial(model.Engine.Efforts.EffortFor(cap), cap)
            : new Dial(effort ?? defaultEffort, Planner.NoCap, IsFree: effort is null);
    }
}
