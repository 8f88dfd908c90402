using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>
/// The inner loops of convolutions, one for each number of pixel vectors × output channels whose sums are held in registers; each term is loaded once and used for all of them. <c>KernelGenerator</c> writes them, as
/// <c>Run4X6</c> and so on; here is what they share. What is not needed in a loop is computed anew behind it, or it would take a register.
/// </summary>
internal static unsafe partial class ConvolutionKernels
{
    /// <summary>The most vectors of pixels that a kernel takes at once: four of the longest, of which there are twice as many registers. So many, of each term, packed pixels lie apart.</summary>
    /// <param name="lanes">Floats in a vector.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MostVectors(int lanes) => lanes >= 16 ? 4 : 3;

    /// <summary>The most output channels that a kernel takes at once. Weights of as many more are fetched ahead.</summary>
    public const int MostChannels = 6;

    /// <summary>Asks for an address to be in the first-level cache soon, where the processor can be asked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint PackedTile<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => (nuint)(MostVectors(TSimd.Lanes) * TSimd.Lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteFour<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, in PixelTile at, TVector a0, TVector a1, TVector a2, TVector a3)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a3 = Finish<TSimd, TVector>(tile, output, at.Fourth, a3);
        }

        WriteThree<TSimd, TVector>(tile, output, at, a0, a1, a2);
        TSimd.Store(a3, output->Plane + at.Fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteThree<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, in PixelTile at, TVector a0, TVector a1, TVector a2)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a2 = Finish<TSimd, TVector>(tile, output, at.Third, a2);
        }

        WriteTwo<TSimd, TVector>(tile, output, at, a0, a1);
        TSimd.Store(a2, output->Plane + at.Third);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteTwo<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, in PixelTile at, TVector a0, TVector a1)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a0 = Finish<TSimd, TVector>(tile, output, at.First, a0);
            a1 = Finish<TSimd, TVector>(tile, output, at.Second, a1);
        }

        TSimd.Store(a0, output->Plane + at.First);
        TSimd.Store(a1, output->Plane + at.Second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Finish<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, nint pixel, TVector sum)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector residual = output->Residual is null ? default : TSimd.Load(output->Residual + pixel);
        return TSimd.Max(TSimd.Broadcast(tile.Floor), TSimd.MultiplyAdd(sum, TSimd.Broadcast(output->Scale), residual));
    }
}
