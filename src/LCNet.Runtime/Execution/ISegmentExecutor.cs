namespace LCNet.Runtime.Execution;

/// <summary>Runs the segments of one bundle on one device. Thread-safe; what belongs to one image at a time lives in its lanes.</summary>
public interface ISegmentExecutor : IDisposable
{
    /// <summary>Where it runs, for example <c>cpu</c> or <c>cuda:0</c>.</summary>
    string Device { get; }

    /// <summary>Makes a lane with buffers of its own. Dispose it before the executor.</summary>
    ISegmentLane CreateLane();
}

/// <summary>
/// One image's way through the segments: it holds the current activation, and each call dispatches one segment on it. Reused from image
/// to image. Not thread-safe. Spans have exactly the lengths that the manifest gives; a lane does not check them.
/// </summary>
public interface ISegmentLane : IDisposable
{
    /// <summary>Begins an image: runs the stem.</summary>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    void Stem(ReadOnlySpan<float> image);

    /// <summary>Runs the gates of a span on the current activation, which stays.</summary>
    /// <param name="span">Index of the span.</param>
    /// <param name="price">The price of compute, at least 0.</param>
    /// <param name="layers">Takes the salience of each block of the span.</param>
    /// <param name="channels">Takes the salience of each channel, block after block.</param>
    void Gate(int span, float price, Span<float> layers, Span<float> channels);

    /// <summary>Runs a block with its kept channels.</summary>
    /// <param name="block">Index of the block; the current activation is its input.</param>
    /// <param name="keep">Kept channels, ascending, at least one.</param>
    /// <param name="layerScale">Scale of the branch.</param>
    void Block(int block, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale);

    /// <summary>Runs only the projection of a block whose shortcut is not an identity.</summary>
    /// <param name="block">Index of the block; the current activation is its input.</param>
    void Shortcut(int block);

    /// <summary>Ends an image: runs the head.</summary>
    /// <param name="logits">Takes one value a label.</param>
    void Head(Span<float> logits);
}
