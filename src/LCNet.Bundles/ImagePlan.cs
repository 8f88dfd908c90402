namespace LCNet.Bundles;

/// <summary>
/// The decisions for one image: which blocks run, with which channels, at which scales. It grows span by span as gates decide, and is
/// reused from image to image without allocating. Not thread-safe.
/// </summary>
public sealed class ImagePlan
{
    private readonly float[] _layerScales;
    private readonly long[][] _kept;
    private readonly float[][] _channelScales;
    private readonly int[] _counts;

    /// <summary>Makes an empty plan for a network.</summary>
    public ImagePlan(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        _layerScales = new float[manifest.Blocks.Count];
        _counts = new int[manifest.Blocks.Count];
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

    /// <summary>Kept channels of a block, ascending.</summary>
    public ReadOnlySpan<long> Kept(int block) => _kept[block].AsSpan(0, _counts[block]);

    /// <summary>Scales of the kept channels of a block, each in (0, 1], in the order of <see cref="Kept"/>.</summary>
    public ReadOnlySpan<float> ChannelScales(int block) => _channelScales[block].AsSpan(0, _counts[block]);

    internal void Clear()
    {
        Array.Clear(_counts);
        Array.Clear(_layerScales);
        Flops = 0;
    }

    internal void Open(int block)
    {
        _counts[block] = _kept[block].Length;
        _layerScales[block] = 1;
        Array.Fill(_channelScales[block], 1);
        for (int channel = 0; channel < _counts[block]; channel++)
        {
            _kept[block][channel] = channel;
        }
    }

    internal void Set(int block, float layerScale, ReadOnlySpan<float> channelSalience)
    {
        int count = 0;
        for (int channel = 0; channel < channelSalience.Length; channel++)
        {
            if (channelSalience[channel] > 0)
            {
                _kept[block][count] = channel;
                _channelScales[block][count++] = channelSalience[channel];
            }
        }

        _counts[block] = layerScale > 0 ? count : 0;
        _layerScales[block] = _counts[block] > 0 ? layerScale : 0;
    }
}
