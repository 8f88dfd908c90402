namespace LCNet.Server.Admission;

/// <summary>How much planned work one slot gets done a second, from what the latest images took. Not thread-safe.</summary>
/// <remarks>
/// Everything that an image takes while it has a slot counts, decoding included, so the rate is lower than the device's; and as the cost is the planned one, images
/// that are made to run more than their effort's mean lower it, and with it what is let in.
/// </remarks>
internal sealed class ServiceRate
{
    // About the latest fifty images: long enough to even out their differences, short enough to follow a change within a tenth of a second or so.
    private const double Kept = 0.98;
    private double _flops;
    private double _seconds;

    /// <summary>FLOPs a second of one slot; 0 while nothing is known.</summary>
    public double FlopsPerSecond => _seconds > 0 ? _flops / _seconds : 0;

    /// <summary>Takes in an image.</summary>
    public void Add(long flops, TimeSpan busy)
    {
        _flops = (Kept * _flops) + flops;
        _seconds = (Kept * _seconds) + busy.TotalSeconds;
    }
}
