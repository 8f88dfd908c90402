namespace LCNet.Runtime.Batching;

/// <summary>
/// Where the images of a batch lie in a device's buffer of activations. A dispatch writes consecutive rows, so that nothing has to be scattered on the device: where an image's activation lies is known to the
/// host alone. Shapes share the buffer, since an image has one activation at a time; a row of any shape begins at a multiple of its size, so that rows of one shape can be found by their numbers. Not thread-safe.
/// </summary>
internal sealed class RowArena
{
    private readonly long _capacity;
    private readonly long[] _at;
    private readonly long[] _size;
    private readonly bool[] _isHeld;
    private readonly long[] _begins;
    private readonly long[] _ends;

    /// <summary>Makes one that holds nothing.</summary>
    /// <param name="capacity">Values of the buffer.</param>
    /// <param name="maxImages">Most images of a batch.</param>
    public RowArena(long capacity, int maxImages)
    {
        _capacity = capacity;
        _at = new long[maxImages];
        _size = new long[maxImages];
        _isHeld = new bool[maxImages];
        _begins = new long[maxImages];
        _ends = new long[maxImages];
    }

    /// <summary>Values of a buffer that is large enough.</summary>
    /// <param name="maxRows">Most rows of a dispatch.</param>
    /// <param name="largest">Values of the largest row.</param>
    /// <remarks>
    /// Three eighths as many rows again as a dispatch has are free besides those of the images and of its output, so one seldom has to be split for want of consecutive ones: one of forty where 32 images run seven of ten
    /// blocks of a ResNet-50 at random. A single row always finds a place, as an image's activation covers parts of two rows of its size at most.
    /// </remarks>
    public static long CapacityFor(int maxRows, long largest) => ((((19L * maxRows) + 7) / 8) + 2) * largest;

    /// <summary>Whether rows from a place on lie within the buffer.</summary>
    public bool Holds(long at, int rows, long size) => at + (rows * size) <= _capacity;

    /// <summary>Begins a batch: no image lies anywhere.</summary>
    public void Clear() => Array.Clear(_isHeld);

    /// <summary>Where an image lies: the first of its values.</summary>
    public long At(int image) => _at[image];

    /// <summary>An image lies somewhere else from now on.</summary>
    /// <param name="at">The first of its values.</param>
    /// <param name="size">How many values it has.</param>
    public void Move(int image, long at, long size) => (_at[image], _size[image], _isHeld[image]) = (at, size, true);

    /// <summary>Where these images lie may be written over.</summary>
    public void Release(ReadOnlySpan<int> images)
    {
        foreach (int image in images)
        {
            _isHeld[image] = false;
        }
    }

    /// <summary>What <see cref="Release"/> released is held again.</summary>
    public void Hold(ReadOnlySpan<int> images)
    {
        foreach (int image in images)
        {
            _isHeld[image] = true;
        }
    }

    /// <summary>Finds a place for consecutive rows, in the smallest gap that is large enough, so that large gaps stay.</summary>
    /// <param name="rows">At least 1.</param>
    /// <param name="size">Values of a row.</param>
    /// <returns>The first value, a multiple of <paramref name="size"/>; -1 where no gap is large enough.</returns>
    public long Find(int rows, long size)
    {
        int held = 0;
        for (int image = 0; image < _at.Length; image++)
        {
            if (_isHeld[image])
            {
                _begins[held] = _at[image];
                _ends[held++] = _at[image] + _size[image];
            }
        }

        // Those that are held do not overlap.
        _begins.AsSpan(0, held).Sort();
        _ends.AsSpan(0, held).Sort();
        long best = -1;
        long least = long.MaxValue;
        for (int gap = 0; gap <= held; gap++)
        {
            long from = gap == 0 ? 0 : _ends[gap - 1];
            long length = (gap == held ? _capacity : _begins[gap]) - from;
            long at = (from + size - 1) / size * size;
            if (at - from + (rows * size) <= length && length < least)
            {
                (best, least) = (at, length);
            }
        }

        return best;
    }
}
