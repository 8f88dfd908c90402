namespace LCNet.Runtime.Batching;

/// <summary>
/// A device that runs the segments of one bundle on rows of its buffers, one buffer a shape of activation. Dispatches run in the order of the calls; those of blocks
/// need not have ended when the call returns. Not thread-safe. What a call may ask for is decided elsewhere; a lane does not check it.
/// </summary>
internal interface IBatchLane : IDisposable
{
    /// <summary>Takes the small inputs of dispatches, before <see cref="Load"/>.</summary>
    DispatchTape Tape { get; }

    /// <summary>Takes an image to where the stem reads it.</summary>
    /// <param name="row">Its row.</param>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    void Image(int row, ReadOnlySpan<float> image);

    /// <summary>Takes to the device what is on the tape.</summary>
    void Load();

    /// <summary>Runs the stem on rows from the first one on, into the same slots of its output's buffer.</summary>
    void Stem(int rows);

    /// <summary>Runs the gates of a span and waits for them.</summary>
    /// <param name="span">Index of the span.</param>
    /// <param name="reading">Rows and prices.</param>
    /// <param name="layers">The salience of each block of the span, row after row; until the next call.</param>
    /// <param name="channels">The salience of each channel of each block, row after row; until the next call.</param>
    void Gate(int span, in RowReading reading, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels);

    /// <summary>Runs a block, or its shortcut alone where the dispatch has no channels.</summary>
    /// <param name="wait">Whether to wait until it has ended.</param>
    void Run(in BlockDispatch dispatch, bool wait);

    /// <summary>Runs the head and waits for it.</summary>
    /// <param name="reading">Rows.</param>
    /// <param name="logits">One value a label, row after row; until the next call.</param>
    void Head(in RowReading reading, out ReadOnlySpan<float> logits);
}
