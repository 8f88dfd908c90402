namespace LCNet.Server;

/// <summary>Where a model's counts lie in one array, so that a window is the difference of two arrays.</summary>
internal static class TallyLayout
{
    /// <summary>Images answered.</summary>
    public const int Images = 0;

    /// <summary>FLOPs of the static network.</summary>
    public const int Dense = 1;

    /// <summary>FLOPs of the plans.</summary>
    public const int Planned = 2;

    /// <summary>FLOPs dispatched.</summary>
    public const int Executed = 3;

    /// <summary>Images by planned share, in <see cref="ShareCount"/> steps.</summary>
    public const int Shares = 4;

    /// <summary>Steps of the planned share.</summary>
    public const int ShareCount = 20;

    /// <summary>Requests answered, by <see cref="DurationBuckets"/>.</summary>
    public const int Durations = Shares + ShareCount;

    /// <summary>Requests by status code.</summary>
    public const int Statuses = Durations + DurationBuckets.Count;

    /// <summary>Counts of a block: executions, skips and channels.</summary>
    public const int BlockCount = 3;

    /// <summary>The first block's counts; the others follow.</summary>
    public static readonly int Blocks = Statuses + StatusNames.Count;
}
