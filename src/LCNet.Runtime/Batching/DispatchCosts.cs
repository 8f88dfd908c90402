namespace LCNet.Runtime.Batching;

/// <summary>
/// The cost model: how long a dispatch of a block takes for each padded number of rows and channels, as measured on the device at load. Immutable and
/// thread-safe.
/// </summary>
/// <remarks>
/// A table, not a formula: on a GPU the time of small dispatches hardly depends on their size, that of large ones grows with their FLOPs, and where the one becomes the
/// other differs from block to block. Measurements are noisy; a dispatch is never taken to be cheaper than one that is no larger in either dimension.
/// </remarks>
internal sealed class DispatchCosts
{
    private readonly FixedSizes _rows;
    private readonly FixedSizes[] _channels;
    private readonly double[][,] _costs;

    /// <summary>Measures every shape.</summary>
    /// <param name="rows">Numbers of rows.</param>
    /// <param name="measure">The cost of a dispatch of a block, rows and channels, above 0, in any unit that is the same for all.</param>
    public DispatchCosts(FixedSizes rows, IReadOnlyList<FixedSizes> channels, Func<int, int, int, double> measure)
    {
        _rows = rows;
        _channels = [.. channels];
        _costs = new double[_channels.Length][,];
        for (int block = 0; block < _channels.Length; block++)
        {
            double[,] table = _costs[block] = new double[rows.All.Count, channels[block].All.Count];
            for (int i = 0; i < rows.All.Count; i++)
            {
                for (int j = 0; j < channels[block].All.Count; j++)
                {
                    double least = Math.Max(i > 0 ? table[i - 1, j] : 0, j > 0 ? table[i, j - 1] : 0);
                    table[i, j] = Math.Max(least, measure(block, rows.All[i], channels[block].All[j]));
                }
            }
        }
    }

    /// <summary>Numbers of rows.</summary>
    public FixedSizes Rows => _rows;

    /// <summary>Numbers of channels of a block.</summary>
    public FixedSizes Channels(int block) => _channels[block];

    /// <summary>The cost of a dispatch; of a shape that is not one of the fixed ones, that of the next larger.</summary>
    /// <param name="block">Index of the block.</param>
    /// <param name="rows">At least 1.</param>
    /// <param name="channels">At least 1.</param>
    public double Of(int block, int rows, int channels) => _costs[block][_rows.IndexOf(rows), _channels[block].IndexOf(channels)];
}
