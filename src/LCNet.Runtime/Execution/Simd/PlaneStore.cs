using System.Runtime.InteropServices;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>Makes the buffers of one lane, and makes each only once: what blocks of the same shape use one after the other is the same. Not thread-safe.</summary>
/// <param name="lanes">Floats in a vector.</param>
internal sealed class PlaneStore(int lanes)
{
    // Every convolution behind the stem reaches one pixel beyond the edge at most.
    private const int Halo = 1;
    private readonly Dictionary<(int Height, int Width, int Halo, int RowHalo), PlaneLayout> _layouts = [];
    private readonly Dictionary<(string Use, int Planes, int Height, int Width), PlaneBuffer> _buffers = [];

    /// <summary>The layout of a map.</summary>
    public PlaneLayout Layout(int height, int width, int? halo = null, int? rowHalo = null)
    {
        int around = halo ?? (PlaneLayout.IsBetterFlat(height, width, lanes) ? 0 : Halo);
        (int, int, int, int) key = (height, width, around, rowHalo ?? around);
        if (!_layouts.TryGetValue(key, out PlaneLayout? layout))
        {
            layout = new PlaneLayout(height, width, around, lanes, rowHalo);
            _layouts.Add(key, layout);
        }

        return layout;
    }

    /// <summary>The buffer for a use and a shape.</summary>
    public PlaneBuffer Buffer(string use, int planes, int height, int width, int? halo = null, int? rowHalo = null)
    {
        if (!_buffers.TryGetValue((use, planes, height, width), out PlaneBuffer? buffer))
        {
            buffer = new PlaneBuffer(Layout(height, width, halo, rowHalo), planes);
            _buffers.Add((use, planes, height, width), buffer);
        }

        return buffer;
    }
}

/// <summary>
/// Floats in memory that does not move and begins on a cache line, where the collector's arrays do not: a vector that lies across two lines takes two loads. Zeros to
/// begin with. The memory is the garbage collector's.
/// </summary>
internal sealed unsafe class AlignedFloats
{
    private const int Alignment = 64;
    private readonly float[] _memory;

    /// <summary>Allocates floats at an aligned address.</summary>
    public AlignedFloats(int length)
    {
        _memory = GC.AllocateArray<float>(length + (Alignment / sizeof(float)), pinned: true);
        nint address = Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0);
        Start = (float*)((address + Alignment - 1) & -Alignment);
    }

    /// <summary>The first. Valid while this object is in use.</summary>
    public float* Start { get; }
}
