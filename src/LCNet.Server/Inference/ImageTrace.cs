using System.Diagnostics;
using LCNet.Runtime.Engine;

namespace LCNet.Server.Inference;

/// <summary>The spans of one image from where it is sent for to where it has run, which is on another thread. Not thread-safe.</summary>
internal sealed class ImageTrace : IDisposable
{
    private readonly Activity? _parent;
    private readonly Activity? _image;
    private readonly Activity? _queue;

    private ImageTrace(Activity? parent, Activity? image, Activity? queue)
    {
        _parent = parent;
        _image = image;
        _queue = queue;
    }

    /// <summary>Begins the span of the wait.</summary>
    /// <param name="image">Which image of a batch; null for one that came alone and has no span of its own.</param>
    public static ImageTrace Begin(int? image)
    {
        Activity? parent = Activity.Current;
        Activity? own = image is int number ? ImageActivities.Source.StartActivity(ImageActivities.Image)?.SetTag("lcnet.image", number) : null;
        Activity? queue = ImageActivities.StartQueue("turn");
        Activity.Current = parent;
        return new ImageTrace(parent, own, queue);
    }

    /// <summary>Its turn has come: what the calling thread does from now on is part of it.</summary>
    public void EndQueue()
    {
        _queue?.Stop();
        Activity.Current = _image ?? _parent;
    }

    /// <summary>Its turn is over: what the calling thread does from now on is no part of it.</summary>
    public void End()
    {
        _image?.Stop();
        Activity.Current = null;
    }

    /// <summary>Ends what has not ended. Leaves the calling thread as it was.</summary>
    public void Dispose()
    {
        Activity? current = Activity.Current;
        _queue?.Stop();
        _image?.Stop();
        Activity.Current = current;
    }
}
