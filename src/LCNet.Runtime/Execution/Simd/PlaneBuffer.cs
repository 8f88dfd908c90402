using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>Planes of one layout in memory that does not move; zeros to begin with. The memory is the garbage collector's. Not thread-safe.</summary>
internal sealed unsafe class PlaneBuffer
{
    private readonly AlignedFloats _memory;

    /// <summary>Allocates planes.</summary>
    public PlaneBuffer(PlaneLayout layout, int planes)
    {
        Layout = layout;
        Planes = planes;
        _memory = new AlignedFloats(layout.Length(planes));
        Start = _memory.Start;
    }

    private PlaneBuffer(PlaneBuffer whole, int first, int planes)
    {
        Layout = whole.Layout;
        Planes = planes;
        _memory = whole._memory;
        Start = whole.Start + ((nint)first * Layout.PlaneStride);
    }

    /// <summary>The layout that all planes share.</summary>
    public PlaneLayout Layout { get; }

    /// <summary>Number of planes.</summary>
    public int Planes { get; }

    /// <summary>The first plane's halo. Valid while this object is in use.</summary>
    public float* Start { get; }

    /// <summary>A plane's first pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Plane(int index) => Start + ((nint)index * Layout.PlaneStride) + Layout.Lead;

    /// <summary>Some planes of this buffer as a buffer: the same memory.</summary>
    public PlaneBuffer Part(int first, int planes) => new(this, first, planes);

    /// <summary>Copies planes that lie densely.</summary>
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
        int length = Layout.PixelSpan;
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
    public void Split(PlaneBuffer phases, int planes)
    {
        bool isWhole = phases.Planes >= 4 * planes;
        for (int plane = 0; plane < planes; plane++)
        {
            SplitPlane(plane, phases, isWhole ? 4 * plane : plane, isWhole);
        }
    }

    /// <summary>Splits one plane.</summary>
    /// <param name="phases">See <see cref="Split"/>.</param>
    /// <param name="isWhole">Whether all four phases are written; otherwise only that of even rows and columns.</param>
    public void SplitPlane(int plane, PlaneBuffer phases, int target, bool isWhole)
    {
        int stride = phases.Layout.RowStride;
        float* source = Plane(plane);
        for (int row = 0; row < Layout.Height; row += isWhole ? 1 : 2)
        {
            int at = (row >> 1) * stride;
            int phase = isWhole ? target + (2 * (row & 1)) : target;
            SplitRow(source + (row * Layout.RowStride), phases.Plane(phase) + at, isWhole ? phases.Plane(phase + 1) + at : null, Layout.Width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SplitRow(float* row, float* even, float* odd, int width)
    {
        int x = 0;
        int pairs = width >> 1;
        if (Avx512F.IsSupported && pairs >= Vector256<float>.Count)
        {
            x = pairs >= Vector512<float>.Count ? SplitLong(row, even, odd, pairs) : SplitShort(row, even, odd, pairs);
        }

        int lanes = Vector128<float>.Count;
        int last = pairs - lanes;
        for (; x < pairs && last >= 0; x += lanes)
        {
            // The last vectors overlap those before.
            x = Math.Min(x, last);
            Vector128<float> first = Vector128.Load(row + (2 * x));
            Vector128<float> second = Vector128.Load(row + (2 * x) + lanes);
            Even(first, second).Store(even + x);
            if (odd != null)
            {
                Odd(first, second).Store(odd + x);
            }
        }

        for (; x < pairs; x++)
        {
            even[x] = row[2 * x];
            if (odd != null)
            {
                odd[x] = row[(2 * x) + 1];
            }
        }

        if ((width & 1) != 0)
        {
            even[pairs] = row[width - 1];
        }
    }

    // At least sixteen pairs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int SplitLong(float* row, float* even, float* odd, int pairs)
    {
        Vector512<int> evens = Vector512<int>.Indices * 2;
        int last = pairs - Vector512<float>.Count;
        for (int x = 0; x < pairs; x += Vector512<float>.Count)
        {
            x = Math.Min(x, last);
            Vector512<float> first = Vector512.Load(row + (2 * x));
            Vector512<float> second = Vector512.Load(row + (2 * x) + Vector512<float>.Count);
            Avx512F.PermuteVar16x32x2(first, evens, second).Store(even + x);
            if (odd != null)
            {
                Avx512F.PermuteVar16x32x2(first, evens + Vector512<int>.One, second).Store(odd + x);
            }
        }

        return pairs;
    }

    // Eight to fifteen pairs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int SplitShort(float* row, float* even, float* odd, int pairs)
    {
        Vector512<int> evensThenOdds = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
        int last = pairs - Vector256<float>.Count;
        for (int x = 0; x < pairs; x += Vector256<float>.Count)
        {
            x = Math.Min(x, last);
            Vector512<float> split = Avx512F.PermuteVar16x32(Vector512.Load(row + (2 * x)), evensThenOdds);
            split.GetLower().Store(even + x);
            if (odd != null)
            {
                split.GetUpper().Store(odd + x);
            }
        }

        return pairs;
    }

    // One instruction each, where the machine has it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Even(Vector128<float> first, Vector128<float> second) =>
        Sse.IsSupported ? Sse.Shuffle(first, second, 0b10_00_10_00)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.UnzipEven(first, second)
        : Vector128.Create(first[0], first[2], second[0], second[2]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Odd(Vector128<float> first, Vector128<float> second) =>
        Sse.IsSupported ? Sse.Shuffle(first, second, 0b11_01_11_01)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.UnzipOdd(first, second)
        : Vector128.Create(first[1], first[3], second[1], second[3]);
}
