namespace LCNet.Runtime.Batching;

/// <summary>
/// Memory of the host from which a device copies images by itself. Whoever brings an image writes it there, so that the thread that runs batches copies none; images that come one after another lie one after another, and go
/// to the device in one copy. Thread-safe.
/// </summary>
/// <param name="memory">Makes the memory, and outlives this.</param>
/// <param name="length">Values of an image.</param>
/// <param name="chunk">For how many more images memory is made where it does not suffice.</param>
internal sealed class PinnedRows(IHostMemory memory, int length, int chunk)
{
    private readonly Lock _lock = new();
    private readonly List<nint> _rows = [];
    private readonly List<bool> _isTaken = [];
    private int _next;

    /// <summary>Takes a place for an image: the next free one behind the latest, so far as there is one.</summary>
    /// <exception cref="Execution.DeviceException">There is no memory left.</exception>
    public unsafe Span<float> Rent(out nint address)
    {
        lock (_lock)
        {
            int row = Free();
            if (row < 0)
            {
                row = _rows.Count;
                nint first = memory.AllocateHost((long)chunk * length * sizeof(float));
                for (int i = 0; i < chunk; i++)
                {
                    _rows.Add(first + (nint)((long)i * length * sizeof(float)));
                    _isTaken.Add(false);
                }
            }

            _isTaken[row] = true;
            _next = row + 1;
            address = _rows[row];
        }

        return new Span<float>((void*)address, length);
    }

    /// <summary>Gives a place back.</summary>
    /// <param name="address">From <see cref="Rent"/>.</param>
    public void Return(nint address)
    {
        lock (_lock)
        {
            _isTaken[_rows.IndexOf(address)] = false;
        }
    }

    private int Free()
    {
        for (int i = 0; i < _rows.Count; i++)
        {
            int row = (_next + i) % _rows.Count;
            if (!_isTaken[row])
            {
                return row;
            }
        }

        return -1;
    }
}
