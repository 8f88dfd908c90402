using System.Runtime.InteropServices;

namespace LCNet.Runtime;

/// <summary>
/// Floats in memory that does not move and begins on a cache line, where the collector's arrays do not: a vector that lies across two lines takes two loads. Zeros to
/// begin with. The memory is the garbage collector's.
/// </summary>
internal sealed unsafe class AlignedFloats
{
    private const int Alignment = 64;
    private readonly float[] _memory;

    /// <summary>Allocates them.</summary>
    public AlignedFloats(int length)
    {
        _memory = GC.AllocateArray<float>(length + (Alignment / sizeof(float)), pinned: true);
        nint address = Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0);
        Start = (float*)((address + Alignment - 1) & -Alignment);
    }

    /// <summary>The first. Valid while this object is in use.</summary>
    public float* Start { get; }
}
