using System.Numerics;

namespace LCNet.Bundles;

/// <summary>
/// The decisions for one image: which blocks run, with which channels, at which scales. It grows span by span as gates decide, and is
/// reused from image to image without allocating. Not thread-safe, not even for reading: kept channels are listed when they are first asked for.
/// </summary>
public sealed class ImagePlan
{
    private readonly float[] _layerScales;
    private readonly float[][] _saliences;
    private readonly long[][] _kept;
    private readonly float[][] _channelScales;
    private readonly int[] _counts;
    private readonly bool[] _isListed;

    /// <summary>Makes an empty plan for a network.</summary>
    public ImagePlan(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        _layerScales = new float[manifest.Blocks.Count];
        _counts = new int[manifest.Blocks.Count];
        _isListed = new bool[manifest.Blocks.Count];
        _saliences = [.. manifest.Blocks.Select(block => new float[block.Channels])];
        _kept = [.. manifest.Blocks.Select(block => new long[block.Channels])];
        _channelScales = [.. manifest.Blocks.Select(block => new float[block.Channels])];
    }

    /// <summary>Number of blocks of the network.</summary>
    public int Blocks => _counts.Length;

    /// <summary>FLOPs that the plan needs. While spans are undecided, those that are decided, and the stem.</summary>
    public long Flops { get; internal set; }

    /// <summary>Whether a block runs. One that does has at least one channel and a scale above 0.</summary>
    public bool Runs(int block) => _counts[block] > 0;

    /// <summary>Scale of a block's branch, in (0, 1]; 0 where the block is skipped.</summary>
    public float LayerScale(int block) => _layerScales[block];

    /// <summary>How many channels of a block are kept.</summary>
    public int KeptCount(int block) => _counts[block];

    /// <summary>Kept channels of a block, ascending.</summary>
    public ReadOnlySpan<long> Kept(int block)
    {
        List(block);
        return _kept[block].AsSpan(0, _counts[block]);
    }

    /// <summary>Scales of the kept channels of a block, each in (0, 1], in the order of <see cref="Kept"/>.</summary>
    public ReadOnlySpan<float> ChannelScales(int block)
    {
        List(block);
        return _channelScales[block].AsSpan(0, _counts[block]);
    }

    /// <summary>Scales of all channels of a block that runs, each in [0, 1]: 0 for those that are not kept.</summary>
    public ReadOnlySpan<float> Saliences(int block) => _saliences[block];

    internal void Clear()
    {
        Array.Clear(_counts);
        Array.Clear(_layerScales);
        Array.Clear(_isListed);
        Flops = 0;
    }

    internal void Open(int block)
    {
        Array.Fill(_saliences[block], 1);
        (_counts[block], _layerScales[block], _isListed[block]) = (_saliences[block].Length, 1, false);
    }

    internal void Set(int block, float layerScale, ReadOnlySpan<float> channelSalience)
    {
        int count = 0;
        if (layerScale > 0)
        {
            channelSalience.CopyTo(_saliences[block]);
            count = CountAboveZero(channelSalience);
        }

        (_counts[block], _layerScales[block], _isListed[block]) = (count, count > 0 ? layerScale : 0, false);
    }

    private static int CountAboveZero(ReadOnlySpan<float> values)
    {
        Vector<int> counts = Vector<int>.Zero;
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            // True is -1.
            counts -= Vector.GreaterThan(new Vector<float>(values[i..]), Vector<float>.Zero);
        }

        int count = Vector.Sum(counts);
        for (; i < values.Length; i++)
        {
            count += values[i] > 0 ? 1 : 0;
        }

        return count;
    }

    private void List(int block)
    {
        if (_isListed[block])
        {
            return;
        }

        // Written whether it is kept or not, which a processor does faster than it guesses.
        ReadOnlySpan<float> saliences = _saliences[block];
        long[] kept = _kept[block];
        float[] scales = _channelScales[block];
        int count = 0;
        for (int channel = 0; channel < saliences.Length && count < _counts[block]; channel++)
        {
            kept[count] = channel;
            scales[count] = saliences[channel];
            count += saliences[channel] > 0 ? 1 : 0;
        }

        _isListed[block] = true;
    }
}
