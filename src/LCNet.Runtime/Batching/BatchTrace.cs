using System.Diagnostics;
using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Batching;

/// <summary>
/// The spans of a batch: each image has its own of every stage, with its share of the stage's FLOPs, so that what is said of an image's spans holds whether it shared its
/// dispatches or not. Makes none while nobody listens. Not thread-safe.
/// </summary>
internal sealed class BatchTrace(int maxImages)
{
    private readonly Activity?[] _activities = new Activity?[maxImages];
    private readonly long[] _told = new long[maxImages];
    private int _count;

    /// <summary>The spans of the current stage; null for images that are not traced. Empty while nobody listens.</summary>
    public ReadOnlySpan<Activity?> Activities => _activities.AsSpan(0, _count);

    /// <summary>Begins a batch.</summary>
    public void Clear() => Array.Clear(_told);

    /// <summary>Begins a stage of all images.</summary>
    public void Begin(string name, ReadOnlySpan<BatchImage> images)
    {
        _count = ImageActivities.Source.HasListeners() ? images.Length : 0;
        for (int i = 0; i < _count; i++)
        {
            _activities[i] = images[i].Trace == default
                ? null
                : ImageActivities.Source.StartActivity(name, ActivityKind.Internal, images[i].Trace);
        }
    }

    /// <summary>Says what the stage costs each image: what it has been billed since the last stage said so.</summary>
    public void Tell(FlopsBill bill)
    {
        for (int i = 0; i < _count; i++)
        {
            _activities[i]?.SetTag(ImageActivities.Flops, bill.Executed(i) - _told[i]);
            _told[i] = bill.Executed(i);
        }
    }

    /// <summary>Ends the stage.</summary>
    public void End()
    {
        for (int i = _count - 1; i >= 0; i--)
        {
            _activities[i]?.Dispose();
            _activities[i] = null;
        }

        _count = 0;
    }
}
