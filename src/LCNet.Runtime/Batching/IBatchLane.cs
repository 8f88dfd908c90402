namespace LCNet.Runtime.Batching;

/// <summary>
/// A device that runs the segments of one bundle on rows of its buffer of activations. Dispatches run in the order of the calls; those of blocks
/// need not have ended when the call returns. Not thread-safe. What a call may ask for is decided elsewhere; a lane does not check it.
/// </summary>
internal interface IBatchLane : IDisposable
{
    /// <summary>Takes the small inputs of dispatches, before <see cref="Load"/>.</summary>
    DispatchTape Tape { get; }

    /// <summary>Takes images to where the stem reads them, each to its row.</summary>
    void LoadImages(ReadOnlySpan<BatchImage> images);

    /// <summary>Takes to the device what is on the tape.</summary>
    void Load();

    /// <summary>Runs the stem on rows from the first one on, into as many rows from the buffer's begin on.</summary>
    void Stem(int rows);

    /// <summary>Runs the gates of a span and waits for them.</summary>
    /// <param name="span">Index of the span.</param>
    /// <param name="pricesAt">Value on the tape: the price of each row.</param>
    /// <param name="layers">The salience of each block of the span, row after row; until the next call.</param>
    /// <param name="channels">The salience of each channel of each block, row after row; until the next call.</param>
    void Gate(int span, in RowSource source, int pricesAt, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels);

    /// <summary>Runs a block, or a part of it.</summary>
    void Run(in BlockDispatch dispatch);

    /// <summary>Runs the head and waits for it.</summary>
    /// <param name="logits">One value a label, row after row; until the next call.</param>
    void Head(in RowSource source, out ReadOnlySpan<float> logits);

    /// <summary>Waits until everything that has been run has ended.</summary>
    void Wait();
}
