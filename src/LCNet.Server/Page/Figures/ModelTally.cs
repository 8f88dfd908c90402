using Grpc.Core;

namespace LCNet.Server;

/// <summary>
/// What was counted of one model since the server started. Adding is thread-safe and allocates nothing; blocks and gauges are set, and the
/// whole is read, by one thread at a time.
/// </summary>
internal sealed class ModelTally
{
    private readonly long[] _counts = new long[TallyLayout.Blocks];
    private readonly List<long> _blocks = [];

    /// <summary>Effort of requests that state none.</summary>
    public double Effort { get; set; }

    /// <summary>Requests that have begun and not ended.</summary>
    public int InFlight { get; set; }

    /// <summary>Images that wait.</summary>
    public int Waiting { get; set; }

    /// <summary>Adds to a count, except to those of blocks.</summary>
    public void Add(int place, long value) => Interlocked.Add(ref _counts[place], value);

    /// <summary>Counts an image.</summary>
    /// <param name="share">Planned over dense FLOPs.</param>
    public void AddImage(double share)
    {
        Add(TallyLayout.Images, 1);

        // A share on a boundary belongs to the step that it ends.
        int step = (int)Math.Ceiling(share * TallyLayout.ShareCount) - 1;
        Add(TallyLayout.Shares + Math.Clamp(step, 0, TallyLayout.ShareCount - 1), 1);
    }

    /// <summary>Counts a request. Only those answered count as durations: a refusal is quick, and would flatter.</summary>
    public void AddRequest(StatusCode status, double seconds)
    {
        Add(TallyLayout.Statuses + (int)status, 1);
        if (status == StatusCode.OK)
        {
            Add(TallyLayout.Durations + DurationBuckets.Of(seconds), 1);
        }
    }

    /// <summary>Sets a block's count.</summary>
    /// <param name="block">From 0.</param>
    /// <param name="which">0 for executions, 1 for skips, 2 for channels.</param>
    /// <param name="value">Since the server started.</param>
    public void SetBlock(int block, int which, long value)
    {
        int place = (block * TallyLayout.BlockCount) + which;
        while (_blocks.Count <= place)
        {
            _blocks.Add(0);
        }

        _blocks[place] = value;
    }

    /// <summary>Copies the counts. Those of a request that ends meanwhile may be in it by halves; the next copy has the rest.</summary>
    public long[] Copy()
    {
        long[] copy = new long[_counts.Length + _blocks.Count];
        for (int place = 0; place < _counts.Length; place++)
        {
            copy[place] = Interlocked.Read(ref _counts[place]);
        }

        _blocks.CopyTo(copy, _counts.Length);
        return copy;
    }
}
