using System.Collections.Concurrent;
using LCNet.Runtime.Engine;
using LCNet.Server.Models;

namespace LCNet.Server.Shadows;

/// <summary>
/// What the shadow runs of one model take: as many images as may wait, bounded in number and in bytes, and a session of the engine's. Images are taken and given back by any thread; the session is for the runner's alone.
/// </summary>
internal sealed class ShadowBuffers : IDisposable
{
    private const int MostImages = 32;
    private const long MostBytes = 16L * 1024 * 1024;

    private readonly ConcurrentBag<ShadowImage> _free = [];
    private readonly int _inputLength;
    private readonly int _labels;
    private readonly int _most;
    private int _made;

    /// <summary>Makes buffers; images are made when they are first needed.</summary>
    /// <param name="engine">Not owned; it outlives these.</param>
    public ShadowBuffers(InferenceEngine engine)
    {
        (_inputLength, _labels) = (engine.Bundle.Manifest.Input.Length, engine.Bundle.Manifest.Labels.Count);
        _most = (int)Math.Clamp(MostBytes / (sizeof(float) * (long)_inputLength), 1, MostImages);
        Session = engine.CreateSession();
        Whole = engine.CreateResult();
    }

    /// <summary>Runs the whole network.</summary>
    public EngineSession Session { get; }

    /// <summary>What the whole network gave for the latest image.</summary>
    public InferenceResult Whole { get; }

    /// <summary>Images that hold an image of a caller's now.</summary>
    public int InUse => Volatile.Read(ref _made) - _free.Count;

    /// <summary>An image that is free.</summary>
    /// <returns>Null where as many wait as may.</returns>
    public ShadowImage? TryTake()
    {
        if (_free.TryTake(out ShadowImage? image))
        {
            return image;
        }

        if (Interlocked.Increment(ref _made) <= _most)
        {
            return new ShadowImage(_inputLength, _labels);
        }

        Interlocked.Decrement(ref _made);
        return null;
    }

    /// <summary>Gives an image back, which is overwritten.</summary>
    public void Return(ShadowImage image)
    {
        image.Clear();
        _free.Add(image);
    }

    /// <inheritdoc/>
    public void Dispose() => Session.Dispose();
}
