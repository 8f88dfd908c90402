using static TorchSharp.torch;

namespace LCNet.Training.Data;

/// <summary>The batches of an epoch, one after another. While one is trained on, the next is decoded on other threads. Not thread-safe.</summary>
internal sealed class BatchLoader : IDisposable
{
    private readonly BatchReader _reader;
    private readonly Augmentation _augmentation;
    private readonly int[] _order;
    private readonly int _size;
    private readonly int _epoch;
    private readonly Random _random;
    private float[] _spare = [];
    private float[] _loading = [];
    private int _next;
    private Task _load;

    /// <summary>Begins to load the first batch.</summary>
    /// <param name="order">The images of all batches, at least one batch.</param>
    /// <param name="epoch">Which epoch it is, from 0.</param>
    public BatchLoader(BatchReader reader, int[] order, int size, Augmentation augmentation, int epoch, int seed)
    {
        (_reader, _order, _size, _augmentation, _epoch, _random) = (reader, order, size, augmentation, epoch, new Random(seed));
        _load = Load();
    }

    /// <summary>The next batch, as <see cref="BatchReader.Read"/> gives it.</summary>
    /// <exception cref="InvalidDataException">A file cannot be read any more; the message names it.</exception>
    public (Tensor Images, Tensor Labels) Next()
    {
        _load.GetAwaiter().GetResult();
        int[] indices = Batch(_next++);
        float[] values = _loading;
        (_loading, _spare) = (_spare, _loading);
        if ((_next + 1) * _size <= _order.Length)
        {
            _load = Load();
        }

        return _reader.ToTensors(indices, values);
    }

    /// <summary>Waits for what is being loaded.</summary>
    public void Dispose()
    {
        try
        {
            _load.GetAwaiter().GetResult();
        }
        catch (InvalidDataException)
        {
            // Nobody asked for this batch.
        }
    }

    private Task Load()
    {
        int[] indices = Batch(_next);
        return Task.Run(() => _reader.Fill(indices, _augmentation, _epoch, _random, ref _loading));
    }

    private int[] Batch(int index) => _order[(index * _size)..((index + 1) * _size)];
}
