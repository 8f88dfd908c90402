using System.Numerics;
using System.Numerics.Tensors;
using LCNet.Bundles;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Decides which images run a block together. A dispatch keeps the union of its images' channels; for a channel that an image does not keep its scale is 0,
/// so results are those of the image alone. Groups begin as one an image; as long as the cost model says that joining two saves time, the pair
/// of most merit is joined. It allocates nothing after it was made. Not thread-safe.
/// </summary>
/// <remarks>
/// Rows and channels are padded to the fixed sizes where the caps of the images allow it. Where they do not, a group has exactly the rows and channels that it
/// needs: a shape that was not warmed up costs time once, a bill beyond a cap would break a promise. An image alone and unpadded costs what its plan says,
/// so there always is a way.
/// </remarks>
internal sealed class BlockGrouper
{
    private const double Never = double.NegativeInfinity;

    // Small dispatches may all take as long, so that many pairs save the same. The one that adds least work leaves most to be joined later: a small price
    // on work, a share of what it costs in the largest dispatch, tells them apart. Against all partitions of small batches it halved what was left to gain.
    private const double PriceOfWork = 0.1;

    private readonly FlopsModel _flops;
    private readonly DispatchCosts _costs;
    private readonly int _most;
    private readonly int _words;
    private readonly ulong[] _unions;
    private readonly ulong[] _joined;
    private readonly int[] _groupOf;
    private readonly int[] _counts;
    private readonly long[] _roofs;
    private readonly long[] _roofSums;
    private readonly int[] _rows;
    private readonly int[] _channels;
    private readonly double[] _cost;
    private readonly double[] _merits;
    private readonly int[] _images;
    private readonly BlockGroup[] _groups;
    private readonly int[] _next;
    private int _groupCount;
    private double _price;

    /// <summary>Makes a grouper.</summary>
    public BlockGrouper(Bundle bundle, DispatchCosts costs, int maxImages)
    {
        _flops = bundle.Flops;
        _costs = costs;
        _most = maxImages;
        _words = (bundle.Manifest.Blocks.Max(block => block.Channels) + 63) / 64;
        _unions = new ulong[maxImages * _words];
        _joined = new ulong[_words];
        _groupOf = new int[maxImages];
        _counts = new int[maxImages];
        _roofs = new long[maxImages];
        _roofSums = new long[maxImages];
        _rows = new int[maxImages];
        _channels = new int[maxImages];
        _cost = new double[maxImages];
        _merits = new double[maxImages * maxImages];
        _images = new int[maxImages];
        _groups = new BlockGroup[maxImages];
        _next = new int[maxImages];
    }

    /// <summary>The groups that were decided last.</summary>
    public ReadOnlySpan<BlockGroup> Groups => _groups.AsSpan(0, _groupCount);

    /// <summary>Groups the images that run a block.</summary>
    /// <param name="block">Index of the block.</param>
    /// <param name="images">Places in the batch of those that run it.</param>
    public void Group(int block, ReadOnlySpan<int> images, ReadOnlySpan<ImagePlan> plans, FlopsBill bill)
    {
        int whole = _costs.Channels(block).Most;
        _price = _costs.Of(block, _costs.Rows.Most, whole) / (_costs.Rows.Most * (double)_flops.Block(block, whole));
        for (int i = 0; i < images.Length; i++)
        {
            Begin(block, i, plans[images[i]].Kept(block), bill.Slack(images[i]));
        }

        for (int i = 0; i < images.Length; i++)
        {
            for (int j = i + 1; j < images.Length; j++)
            {
                _merits[(i * _most) + j] = Merit(block, i, j, out _, out _);
            }
        }

        while (FindBest(images.Length, out int into, out int from))
        {
            Join(block, into, from, images.Length);
        }

        Collect(images);
    }

    /// <summary>The images of a group, places in the batch.</summary>
    public ReadOnlySpan<int> Images(in BlockGroup group) => _images.AsSpan(group.First, group.Count);

    /// <summary>Lists the channels of a group and the scale of each for each of its images.</summary>
    /// <param name="keep">Takes the union of the images' channels, ascending, then the last one again until it is full.</param>
    /// <param name="scales">Takes a row of as many values an image; 0 for a channel that it does not keep, for repeated channels, and for rows beyond the images.</param>
    public void Write(int block, ReadOnlySpan<int> images, ReadOnlySpan<ImagePlan> plans, Span<long> keep, Span<float> scales)
    {
        Array.Clear(_joined);
        foreach (int image in images)
        {
            Add(_joined, plans[image].Kept(block));
        }

        int count = 0;
        for (int word = 0; word < _words; word++)
        {
            for (ulong bits = _joined[word]; bits != 0; bits &= bits - 1)
            {
                keep[count++] = (word * 64) + BitOperations.TrailingZeroCount(bits);
            }
        }

        keep[count..].Fill(keep[count - 1]);
        scales.Clear();
        for (int row = 0; row < images.Length; row++)
        {
            ReadOnlySpan<long> kept = plans[images[row]].Kept(block);
            ReadOnlySpan<float> values = plans[images[row]].ChannelScales(block);
            Span<float> target = scales.Slice(row * keep.Length, keep.Length);
            int at = 0;
            for (int i = 0; i < kept.Length; i++)
            {
                while (keep[at] != kept[i])
                {
                    at++;
                }

                target[at] = values[i];
            }
        }
    }

    private static void Add(Span<ulong> set, ReadOnlySpan<long> channels)
    {
        foreach (long channel in channels)
        {
            set[(int)channel / 64] |= 1UL << ((int)channel % 64);
        }
    }

    private static int CountOf(ReadOnlySpan<ulong> set)
    {
        int count = 0;
        foreach (ulong word in set)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }

    private Span<ulong> UnionOf(int group) => _unions.AsSpan(group * _words, _words);

    private void Begin(int block, int group, ReadOnlySpan<long> kept, long slack)
    {
        UnionOf(group).Clear();
        Add(UnionOf(group), kept);
        _groupOf[group] = group;
        _counts[group] = 1;
        _roofs[group] = _flops.Block(block, kept.Length) + slack;
        _roofSums[group] = _roofs[group];
        Fit(block, 1, kept.Length, _roofs[group], _roofSums[group], out _rows[group], out _channels[group]);
        _cost[group] = _costs.Of(block, _rows[group], _channels[group]);
    }

    // The shape for a number of images and channels that nobody's cap forbids, rather a padded one than not.
    private bool Fit(int block, int count, int union, long roof, long roofSum, out int rows, out int channels)
    {
        int paddedRows = _costs.Rows.Up(count);
        int paddedChannels = _costs.Channels(block).Up(union);
        for (int choice = 0; choice < 4; choice++)
        {
            rows = (choice & 1) == 0 ? paddedRows : count;
            channels = (choice & 2) == 0 ? paddedChannels : union;
            long flops = _flops.Block(block, channels);
            if (flops <= roof && rows * flops <= roofSum)
            {
                return true;
            }
        }

        (rows, channels) = (count, union);
        return false;
    }

    private double Merit(int block, int a, int b, out int rows, out int channels)
    {
        TensorPrimitives.BitwiseOr<ulong>(UnionOf(a), UnionOf(b), _joined);
        if (!Fit(block, _counts[a] + _counts[b], CountOf(_joined), Math.Min(_roofs[a], _roofs[b]), _roofSums[a] + _roofSums[b], out rows, out channels))
        {
            return Never;
        }

        double saving = _cost[a] + _cost[b] - _costs.Of(block, rows, channels);
        long more = (rows * _flops.Block(block, channels)) - (_rows[a] * _flops.Block(block, _channels[a])) - (_rows[b] * _flops.Block(block, _channels[b]));
        return saving > 0 ? saving - (PriceOfWork * _price * more) : Never;
    }

    private bool FindBest(int count, out int into, out int from)
    {
        double best = Never;
        (into, from) = (-1, -1);
        for (int i = 0; i < count; i++)
        {
            for (int j = i + 1; _counts[i] > 0 && j < count; j++)
            {
                if (_counts[j] > 0 && _merits[(i * _most) + j] > best)
                {
                    best = _merits[(i * _most) + j];
                    (into, from) = (i, j);
                }
            }
        }

        return into >= 0;
    }

    private void Join(int block, int into, int from, int count)
    {
        Merit(block, into, from, out _rows[into], out _channels[into]);
        _joined.CopyTo(UnionOf(into));
        _cost[into] = _costs.Of(block, _rows[into], _channels[into]);
        _counts[into] += _counts[from];
        _counts[from] = 0;
        _roofs[into] = Math.Min(_roofs[into], _roofs[from]);
        _roofSums[into] += _roofSums[from];
        for (int i = 0; i < count; i++)
        {
            _groupOf[i] = _groupOf[i] == from ? into : _groupOf[i];
            if (_counts[i] > 0 && i != into)
            {
                _merits[(Math.Min(i, into) * _most) + Math.Max(i, into)] = Merit(block, Math.Min(i, into), Math.Max(i, into), out _, out _);
            }
        }
    }

    private void Collect(ReadOnlySpan<int> images)
    {
        _groupCount = 0;
        int first = 0;
        for (int group = 0; group < images.Length; group++)
        {
            if (_counts[group] > 0)
            {
                _groups[_groupCount++] = new BlockGroup(first, _counts[group], _rows[group], _channels[group]);
                _next[group] = first;
                first += _counts[group];
            }
        }

        for (int i = 0; i < images.Length; i++)
        {
            _images[_next[_groupOf[i]]++] = images[i];
        }
    }
}

/// <summary>Images that run a block in one dispatch.</summary>
/// <param name="First">Where its images begin in <see cref="BlockGrouper.Images"/>.</param>
/// <param name="Count">How many images.</param>
/// <param name="Rows">Rows of the dispatch, at least <paramref name="Count"/>.</param>
/// <param name="Channels">Channels of the dispatch, at least the union of those that its images keep.</param>
internal readonly record struct BlockGroup(int First, int Count, int Rows, int Channels);
