using LCNet.Bundles;

namespace LCNet.Runtime.Engine;

/// <summary>What one image gave and cost. Reused from image to image. Not thread-safe.</summary>
public sealed class InferenceResult
{
    private readonly float[] _logits;

    /// <summary>Makes a result that fits a network.</summary>
    public InferenceResult(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        _logits = new float[manifest.Labels.Count];
        Plan = new ImagePlan(manifest);
    }

    /// <summary>One value a label, before softmax.</summary>
    public ReadOnlySpan<float> Logits => _logits;

    /// <summary>The decisions, and the FLOPs that they need.</summary>
    public ImagePlan Plan { get; }

    /// <summary>
    /// FLOPs of what was dispatched. Where images share dispatches, this image's share: its own rows at the channels that were computed, and an equal part of the rows that
    /// padded them, but never more than its cap. The shares of a batch add up to what was dispatched.
    /// </summary>
    public long ExecutedFlops { get; internal set; }

    /// <summary>Images that shared the dispatches, this one included; 1 where there was no batch.</summary>
    public int BatchSize { get; internal set; } = 1;

    /// <summary>Effort at which the gates decided.</summary>
    public double Effort { get; internal set; }

    /// <summary>Waiting for a worker or for the batch to begin.</summary>
    public TimeSpan QueueTime { get; internal set; }

    /// <summary>Gates, planning and dispatches, those of the whole batch where there was one.</summary>
    public TimeSpan ExecuteTime { get; internal set; }

    internal Span<float> MutableLogits => _logits;
}
