using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LCNet.Runtime;

/// <summary>Planes of one layout in memory that does not move; zeros to begin with. The memory is the garbage collector's. Not thread-safe.</summary>
internal sealed unsafe class PlaneBuffer
{
    private const int Alignment = 64;
    private readonly float[] _memory;

    /// <summary>Allocates planes.</summary>
    public PlaneBuffer(PlaneLayout layout, int planes)
    {
        Layout = layout;
        Planes = planes;
        _memory = GC.AllocateArray<float>(layout.Length(planes) + (Alignment / sizeof(float)), pinned: true);
        nint address = Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0);
        Start = (float*)((address + Alignment - 1) & -Alignment);
    }

    private PlaneBuffer(PlaneBuffer whole, int first, int planes)
    {
        Layout = whole.Layout;
        Planes = planes;
        _memory = whole._memory;
        Start = whole.Start + ((nint)first * Layout.PlaneStride);
    }

    /// <summary>How the planes lie.</summary>
    public PlaneLayout Layout { get; }

    /// <summary>How many there are.</summary>
    public int Planes { get; }

    /// <summary>The first plane's halo. Valid while this object is in use.</summary>
    public float* Start { get; }

    /// <summary>A plane's first pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Plane(int index) => Start + ((nint)index * Layout.PlaneStride) + Layout.Lead;

    /// <summary>Some planes of this buffer as a buffer: the same memory.</summary>
    public PlaneBuffer Part(int first, int planes) => new(this, first, planes);

    /// <summary>Copies planes that lie densely.</summary>
    /// <param name="dense">Planes × height × width values.</param>
    public void CopyFrom(ReadOnlySpan<float> dense)
    {
        int width = Layout.Width;
        for (int row = 0; row < Planes * Layout.Height; row++)
        {
            float* target = Plane(row / Layout.Height) + (row % Layout.Height * Layout.RowStride);
            dense.Slice(row * width, width).CopyTo(new Span<float>(target, width));
        }
    }

    /// <summary>Copies planes of the same height and width that may lie in another way; does nothing where they are this buffer.</summary>
    public void CopyFrom(PlaneBuffer other)
    {
        for (int row = 0; row < Planes * Layout.Height && other != this; row++)
        {
            (int plane, int y) = Math.DivRem(row, Layout.Height);
            new ReadOnlySpan<float>(other.Plane(plane) + (y * other.Layout.RowStride), Layout.Width)
                .CopyTo(new Span<float>(Plane(plane) + (y * Layout.RowStride), Layout.Width));
        }
    }

    /// <summary>Copies one plane out densely.</summary>
    /// <param name="index">Which plane.</param>
    /// <param name="dense">Takes height × width values.</param>
    public void CopyTo(int index, Span<float> dense)
    {
        for (int row = 0; row < Layout.Height; row++)
        {
            new ReadOnlySpan<float>(Plane(index) + (row * Layout.RowStride), Layout.Width).CopyTo(dense[(row * Layout.Width)..]);
        }
    }

    /// <summary>The mean of each plane; halos are zero, so the whole plane is summed.</summary>
    /// <param name="means">Takes a value for each of the first planes.</param>
    public void Means<TSimd, TVector>(Span<float> means)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        int length = Layout.PlaneStride - Layout.Lead;
        int step = 4 * TSimd.Lanes;
        int whole = length - (length % step);
        for (int i = 0; i < means.Length; i++)
        {
            // Four sums: one alone would wait for itself.
            float* plane = Plane(i);
            TVector sum0 = default;
            TVector sum1 = default;
            TVector sum2 = default;
            TVector sum3 = default;
            for (int at = 0; at < whole; at += step)
            {
                sum0 = TSimd.Add(sum0, TSimd.Load(plane + at));
                sum1 = TSimd.Add(sum1, TSimd.Load(plane + at + TSimd.Lanes));
                sum2 = TSimd.Add(sum2, TSimd.Load(plane + at + (2 * TSimd.Lanes)));
                sum3 = TSimd.Add(sum3, TSimd.Load(plane + at + (3 * TSimd.Lanes)));
            }

            float total = TSimd.Sum(TSimd.Add(TSimd.Add(sum0, sum1), TSimd.Add(sum2, sum3)));
            for (int at = whole; at < length; at++)
            {
                total += plane[at];
            }

            means[i] = total / (Layout.Height * Layout.Width);
        }
    }

    /// <summary>Splits planes by the parity of rows and columns, for what reads every second pixel.</summary>
    /// <param name="phases">
    /// Of half the height and width, rounded up. Takes, for each plane, that of even rows and columns, of even rows and odd columns, of odd rows and even columns,
    /// and of odd rows and columns; only the first of them where it holds as many planes as are split.
    /// </param>
    /// <param name="planes">How many planes to split.</param>
    public void Split(PlaneBuffer phases, int planes)
    {
        bool isWhole = phases.Planes >= 4 * planes;
        for (int plane = 0; plane < planes; plane++)
        {
            for (int phase = 0; phase < (isWhole ? 4 : 1); phase++)
            {
                SplitPhase(Plane(plane), phases.Plane(isWhole ? (4 * plane) + phase : plane), phases.Layout.RowStride, phase >> 1, phase & 1);
            }
        }
    }

    private void SplitPhase(float* source, float* target, int targetStride, int firstRow, int firstColumn)
    {
        for (int row = firstRow; row < Layout.Height; row += 2)
        {
            float* from = source + (row * Layout.RowStride) + firstColumn;
            float* to = target + ((row >> 1) * targetStride);
            int count = (Layout.Width - firstColumn + 1) >> 1;
            for (int i = 0; i < count; i++)
            {
                to[i] = from[2 * i];
            }
        }
    }
}
