using LCNet.Bundles;

namespace LCNet.Runtime;

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

    /// <summary>FLOPs of what was dispatched.</summary>
    public long ExecutedFlops { get; internal set; }

    /// <summary>Effort at which the gates decided.</summary>
    public double Effort { get; internal set; }

    /// <summary>Waiting for a worker.</summary>
    public TimeSpan QueueTime { get; internal set; }

    /// <summary>Gates, planning and dispatches.</summary>
    public TimeSpan ExecuteTime { get; internal set; }

    internal Span<float> MutableLogits => _logits;
}
