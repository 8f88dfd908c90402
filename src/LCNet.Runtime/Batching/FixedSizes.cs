namespace LCNet.Runtime.Batching;

/// <summary>The few numbers of rows that a dispatch is padded to, so that shapes recur and each can be warmed up. Immutable and thread-safe.</summary>
internal sealed class FixedSizes
{
    // ONNX Runtime keeps that many plans of cuDNN's for each convolution and builds what it has forgotten anew.
    private const int MostSizes = 8;

    private readonly int[] _sizes;

    /// <summary>Equal steps up to <paramref name="most"/>: all sizes where there are no more than eight.</summary>
    /// <param name="most">At least 1.</param>
    public FixedSizes(int most)
    {
        Step = (most + MostSizes - 1) / MostSizes;
        _sizes = [.. Enumerable.Range(1, (most + Step - 1) / Step).Select(i => i * Step)];
    }

    /// <summary>All sizes, ascending: multiples of <see cref="Step"/>.</summary>
    public IReadOnlyList<int> All => _sizes;

    /// <summary>From one size to the next, and the smallest.</summary>
    public int Step { get; }

    /// <summary>The largest size.</summary>
    public int Most => _sizes[^1];

    /// <summary>The least size that is no smaller.</summary>
    /// <param name="value">1 to <see cref="Most"/>.</param>
    public int Up(int value) => (value + Step - 1) / Step * Step;
}
