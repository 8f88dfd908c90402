using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LCNet.Runtime;

/// <summary>
/// Brings flat planes what a 3×3 convolution reads beyond their edges: each input is copied between zeros, and from there once for each tap of the kernel,
/// shifted, as the kernels take packed pixels. Not thread-safe.
/// </summary>
/// <typeparam name="TSimd">How to compute with vectors.</typeparam>
/// <typeparam name="TVector">The vectors.</typeparam>
internal sealed unsafe class FlatPlanes<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    // One pixel around, of up to four phases.
    private readonly float[] _padded = GC.AllocateArray<float>(4 * (PlaneLayout.MostFlatRows + 2) * (TSimd.Lanes + 2), pinned: true);

    /// <summary>Sets to zero what lies around planes of a layout.</summary>
    public void Clear() => Array.Clear(_padded);

    /// <summary>Packs one tile of one input.</summary>
    /// <param name="planes">The input's planes.</param>
    /// <param name="phases">How many they are.</param>
    /// <param name="layout">How they lie.</param>
    /// <param name="terms">The input's taps.</param>
    /// <param name="tile">Which pixels.</param>
    /// <param name="packed">Takes three vectors a term; the third is left as it is where the tile has two.</param>
    public void Pack(float* planes, int phases, PlaneLayout layout, ReadOnlySpan<Term> terms, PixelTile tile, float* packed)
    {
        float* padded = (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_padded, 0);
        int stride = FlatPlanes.Stride(layout);
        for (int phase = 0; phase < phases; phase++)
        {
            float* from = planes + (phase * layout.PlaneStride);
            CopyRows(from, layout.Width, padded + FlatPlanes.Offset(layout, phase, 0, 0), stride, layout.Height, layout.Width);
        }

        int rows = TSimd.Lanes / layout.Width;
        foreach (Term term in terms)
        {
            float* from = padded + term.Input;
            CopyRows(from + (tile.First / layout.Width * stride), stride, packed, layout.Width, rows, layout.Width);
            CopyRows(from + (tile.Second / layout.Width * stride), stride, packed + TSimd.Lanes, layout.Width, rows, layout.Width);
            if (tile.Third >= 0)
            {
                CopyRows(from + (tile.Third / layout.Width * stride), stride, packed + (2 * TSimd.Lanes), layout.Width, rows, layout.Width);
            }

            packed += ConvolutionKernels.MostVectors * TSimd.Lanes;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRows(float* from, int fromStride, float* to, int toStride, int rows, int width)
    {
        for (int row = 0; row < rows; row++)
        {
            if (width == Vector128<float>.Count)
            {
                Vector128.Load(from).Store(to);
            }
            else if (width == Vector256<float>.Count)
            {
                Vector256.Load(from).Store(to);
            }
            else
            {
                new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(to, width));
            }

            from += fromStride;
            to += toStride;
        }
    }
}

/// <summary>Where the pixels of flat planes are between zeros.</summary>
internal static class FlatPlanes
{
    /// <summary>Where a tap of the first pixel is, in floats from the beginning of an input's padded phases.</summary>
    /// <param name="layout">Of the planes.</param>
    /// <param name="phase">Which of the input's planes.</param>
    /// <param name="dy">Rows below the pixel, −1 to 1.</param>
    /// <param name="dx">Columns right of it, −1 to 1.</param>
    public static int Offset(PlaneLayout layout, int phase, int dy, int dx) => (phase * Padded(layout)) + ((dy + 1) * Stride(layout)) + dx + 1;

    /// <summary>Floats from one row to the next.</summary>
    public static int Stride(PlaneLayout layout) => layout.Width + 2;

    private static int Padded(PlaneLayout layout) => (layout.Height + 2) * Stride(layout);
}
