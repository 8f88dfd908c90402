using LCNet.Runtime.Batching;

namespace LCNet.Runtime.DryRun;

/// <summary>A lane that can leave out the copies of images, which stand-ins make on the host, driving everything else out of its caches, and a device by itself.</summary>
internal sealed class MeasuredLane(IBatchLane lane) : IBatchLane
{
    /// <summary>Whether images are copied.</summary>
    public bool CopiesImages { get; set; } = true;

    public DispatchTape Tape => lane.Tape;

    public void Load() => lane.Load();

    public void LoadImages(ReadOnlySpan<BatchImage> images)
    {
        if (CopiesImages)
        {
            lane.LoadImages(images);
        }
    }

    public void Stem(int rows) => lane.Stem(rows);

    public void Gate(int span, in RowSource source, int pricesAt, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels) => lane.Gate(span, source, pricesAt, out layers, out channels);

    public void Run(in BlockDispatch dispatch) => lane.Run(dispatch);

    public void Head(in RowSource source, out ReadOnlySpan<float> logits) => lane.Head(source, out logits);

    public void Wait() => lane.Wait();

    public void Dispose() => lane.Dispose();
}
