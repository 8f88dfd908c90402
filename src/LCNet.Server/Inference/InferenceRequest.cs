using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Server.Models;

namespace LCNet.Server.Inference;

/// <summary>The images of one request that its protocol has checked.</summary>
/// <param name="Model">That runs; held by the caller until the request has ended.</param>
/// <param name="Images">At least one. They are let in or refused together.</param>
/// <param name="Budget">How much may be computed for each of them.</param>
/// <param name="Caller">Whose they are.</param>
/// <param name="IsBatch">Whether each image is a part of something larger and has a span of its own.</param>
/// <param name="Verifies">Whether each image runs once more with every gate open.</param>
internal sealed record InferenceRequest(
    ServedModel Model, IReadOnlyList<ImageInput> Images, ComputeBudget Budget, Caller Caller, bool IsBatch = false, bool Verifies = false)
{
    /// <summary>What one of its images is expected to cost if it ran now, in FLOPs, all its runs together.</summary>
    public long PlannedFlops => PlannedAt(Budget);

    /// <summary>The same at another budget.</summary>
    public long PlannedAt(ComputeBudget budget) => Model.Effort.PlannedFlops(budget) + (Verifies ? Model.Engine.Bundle.Flops.Dense : 0);
}

/// <summary>What an image gave, for as long as whoever reads it does; other images use the results afterwards.</summary>
/// <param name="Result">Of the run that is answered.</param>
/// <param name="Whole">Of the run with every gate open; null where the request asked for none.</param>
/// <param name="Waited">How long the image waited for its turn.</param>
internal readonly record struct ImageOutcome(InferenceResult Result, InferenceResult? Whole, TimeSpan Waited);

/// <summary>An image as it came with a request: a file, or the network's input as it is.</summary>
internal readonly record struct ImageInput
{
    private ImageInput(string field, ReadOnlyMemory<byte> file, Action<float[]>? copyTensor)
    {
        Field = field;
        EncodedFile = file;
        CopyTensor = copyTensor;
    }

    /// <summary>The request's field that holds it, for refusals.</summary>
    public string Field { get; }

    /// <summary>The file's bytes; empty for a tensor.</summary>
    public ReadOnlyMemory<byte> EncodedFile { get; }

    /// <summary>What it holds while it waits, in bytes.</summary>
    public int Bytes { get; private init; }

    /// <summary>Copies the network's input; null for a file.</summary>
    public Action<float[]>? CopyTensor { get; }

    /// <summary>An image file.</summary>
    /// <param name="encoded">The file's bytes.</param>
    public static ImageInput File(string field, ReadOnlyMemory<byte> encoded) => new(field, encoded, null) { Bytes = encoded.Length };

    /// <summary>A network's input, of the right length and finite.</summary>
    public static ImageInput Tensor(string field, int bytes, Action<float[]> copy) => new(field, default, copy) { Bytes = bytes };
}

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
