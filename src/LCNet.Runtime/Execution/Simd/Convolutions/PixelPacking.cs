namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>Copies the pixels of a tile, for each term of a convolution, one behind the other. Stateless.</summary>
/// <typeparam name="TSimd">How to compute with vectors.</typeparam>
/// <typeparam name="TVector">The vectors.</typeparam>
internal static unsafe class PixelPacking<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>Floats of a term of a packed tile.</summary>
    public static int Floats => ConvolutionKernels.MostVectors(TSimd.Lanes) * TSimd.Lanes;

    /// <summary>Copies those of flat planes, whose edges are nowhere in memory: what lies beyond one is zero.</summary>
    /// <param name="edges">For each tap the mask of the pixels that are there.</param>
    public static void PackBetweenEdges(float* pixels, nint* edges, in ConvolutionTile part, PixelTile tile, float* packed, int taps)
    {
        for (int i = 0; i < part.Count; i += taps)
        {
            for (int tap = 0; tap < taps; tap++)
            {
                float* from = pixels + part.Terms[i + tap].Input;
                float* edge = (float*)edges[tap];
                TSimd.Store(TSimd.And(TSimd.Load(from + tile.First), TSimd.Load(edge + tile.First)), packed);
                TSimd.Store(TSimd.And(TSimd.Load(from + tile.Second), TSimd.Load(edge + tile.Second)), packed + TSimd.Lanes);
                if (tile.Third >= 0)
                {
                    TSimd.Store(TSimd.And(TSimd.Load(from + tile.Third), TSimd.Load(edge + tile.Third)), packed + (2 * TSimd.Lanes));
                }

                if (tile.Fourth >= 0)
                {
                    TSimd.Store(TSimd.And(TSimd.Load(from + tile.Fourth), TSimd.Load(edge + tile.Fourth)), packed + (3 * TSimd.Lanes));
                }

                packed += Floats;
            }
        }
    }

    /// <summary>Copies those of planes that have their edges around them.</summary>
    public static void Pack(float* pixels, in ConvolutionTile part, PixelTile tile, float* packed)
    {
        float* first = pixels + tile.First;
        float* second = pixels + tile.Second;
        float* third = pixels + tile.Third;
        float* fourth = pixels + tile.Fourth;
        for (int i = 0; i < part.Count; i++)
        {
            nuint at = part.Terms[i].Input;
            TSimd.Store(TSimd.Load(first + at), packed);
            TSimd.Store(TSimd.Load(second + at), packed + TSimd.Lanes);
            if (tile.Third >= 0)
            {
                TSimd.Store(TSimd.Load(third + at), packed + (2 * TSimd.Lanes));
            }

            if (tile.Fourth >= 0)
            {
                TSimd.Store(TSimd.Load(fourth + at), packed + (3 * TSimd.Lanes));
            }

            packed += Floats;
        }
    }
}
