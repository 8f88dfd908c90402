using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Engine;

/// <summary>Settings of an engine.</summary>
public sealed record EngineOptions
{
    /// <summary>Most of <see cref="MaxDelay"/>: 10 s.</summary>
    public static readonly TimeSpan MaxDelayLimit = TimeSpan.FromSeconds(10);

    /// <summary>Where to run: <c>cpu</c> (default), <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>What runs segments. Default: <see cref="ExecutorKind.Auto"/>.</summary>
    public ExecutorKind Executor { get; init; }

    /// <summary>
    /// Most images of a batch, 1 to 256 (default 32). Memory of the device grows in proportion: two batches are under way, and a buffer of each holds two and a half times as many activations.
    /// </summary>
    public int MaxBatch { get; init; } = 32;

    /// <summary>How long an image waits for others to share its batch, 0 to 10 s (default 2 ms). 0 runs at once whatever waits; a batch that runs is waited for in any case.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>
    /// FLOPs that a batch may take, as far as effort and caps of its images tell beforehand, so that heavy images do not delay light ones: an image that would go beyond
    /// them waits for the next batch. At least 0; 0 (default) for half of what <see cref="MaxBatch"/> images take at effort 1 in the mean: light images make batches of as many,
    /// those at effort 1 of half as many.
    /// </summary>
    public long FlopsBudget { get; init; }

    /// <summary>Whether a GPU may round what it multiplies to TF32, with a mantissa of 10 bits instead of 23, which its matrix units are made for (default: true).</summary>
    public bool Tf32 { get; init; } = true;

    /// <summary>
    /// Whether a GPU is tried when a bundle is loaded (default: true): a few images are run on it and on the CPU, and a full batch is timed against the static network (<see cref="InferenceEngine.Times"/>).
    /// </summary>
    public bool SelfCheck { get; init; } = true;

    /// <summary>The clock of delays and durations of batches.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;
}
