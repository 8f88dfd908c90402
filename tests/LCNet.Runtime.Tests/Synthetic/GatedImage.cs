using System.Buffers;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>An image whose values cannot be read before the test says so: it holds a worker for as long as the test wants.</summary>
internal sealed class GatedImage(float[] values) : MemoryManager<float>
{
    private readonly ManualResetEventSlim _open = new();

    /// <summary>Set once someone asks for the values.</summary>
    public ManualResetEventSlim Asked { get; } = new();

    /// <summary>Thrown instead of giving values, where not null.</summary>
    public Exception? Failure { get; init; }

    // The inherited one would ask for the values to learn how many there are.
    public override Memory<float> Memory => CreateMemory(values.Length);

    public void Open() => _open.Set();

    public override Span<float> GetSpan()
    {
        Asked.Set();
        _open.Wait();
        return Failure is null ? values : throw Failure;
    }

    public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

    public override void Unpin() => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _open.Dispose();
        Asked.Dispose();
    }
}
