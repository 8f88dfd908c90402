namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>
/// Runs one part of a convolution, some of its terms, for all output channels at some tiles of the output: cuts channels into the groups that there are kernels for. Stateless.
/// </summary>
/// <typeparam name="TSimd">How to compute with vectors.</typeparam>
/// <typeparam name="TVector">The vectors.</typeparam>
internal static unsafe class TileLoop<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int OutputsAtATime = 12;

    /// <summary>Runs it.</summary>
    /// <param name="part">The terms, and where the first tile's pixels lie.</param>
    /// <param name="first">The first output channel; behind the last there are <see cref="ConvolutionKernels.MostChannels"/> more to fetch ahead.</param>
    /// <param name="outputs">How many there are: groups of three and four, see <see cref="ConvolutionRunner{TSimd, TVector}"/>.</param>
    /// <param name="stride">Floats from the pixels of one tile to those of the next, where each has its own.</param>
    public static void Run<TTaps>(in ConvolutionTile part, ReadOnlySpan<PixelTile> tiles, OutputChannel* first, int outputs, int stride)
        where TTaps : struct, ITaps
    {
        ConvolutionTile current = part;
        for (int done = 0; done < outputs;)
        {
            int count = Chunk(outputs - done);
            for (int i = 0; i < tiles.Length; i++)
            {
                current.Input = part.Input + (i * stride);
                if (part.FetchesAhead)
                {
                    Fetch(first + done + count, Math.Min(OutputsAtATime, outputs - done - count), tiles[i]);
                }

                if (tiles[i].Fourth >= 0)
                {
                    RunFour<TTaps>(current, first + done, count, tiles[i]);
                }
                else if (tiles[i].Third >= 0)
                {
                    RunThree<TTaps>(current, first + done, count, tiles[i]);
                }
                else
                {
                    RunTwo<TTaps>(current, first + done, count, tiles[i]);
                }
            }

            done += count;
        }
    }

    // Twelve are groups of four and of six alike, twice as many groups of eight.
    private static int Chunk(int outputs)
    {
        int most = TSimd.HasManyRegisters ? 2 * OutputsAtATime : OutputsAtATime;
        return IsCut(outputs - most) ? most : outputs;
    }

    private static bool IsEight(int outputs) => TSimd.HasManyRegisters && IsCut(outputs - 8);

    // Whether so many are groups of three and four, as 1, 2 and 5 are not.
    private static bool IsCut(int outputs) => outputs is 0 or 3 or 4 or > 5;

    private static void RunFour<TTaps>(in ConvolutionTile part, OutputChannel* outputs, int count, in PixelTile tile)
        where TTaps : struct, ITaps
    {
        for (; IsCut(count - 6); count -= 6, outputs += 6)
        {
            ConvolutionKernels.Run4X6<TSimd, TVector, TTaps>(part, outputs, tile);
        }

        if (count > 0)
        {
            // What is left, two by two.
            ConvolutionTile second = part;
            second.Input += TTaps.IsPacked ? 2 * TSimd.Lanes : 0;
            RunTwo<TTaps>(part, outputs, count, new PixelTile(tile.First, tile.Second, -1, -1));
            RunTwo<TTaps>(second, outputs, count, new PixelTile(tile.Third, tile.Fourth, -1, -1));
        }
    }

    private static void RunThree<TTaps>(in ConvolutionTile part, OutputChannel* outputs, int count, in PixelTile tile)
        where TTaps : struct, ITaps
    {
        for (; IsEight(count); count -= 8, outputs += 8)
        {
            ConvolutionKernels.Run3X8<TSimd, TVector, TTaps>(part, outputs, tile);
        }

        while (count > 0)
        {
            bool isFour = count is not (3 or 6 or 9);
            if (isFour)
            {
                ConvolutionKernels.Run3X4<TSimd, TVector, TTaps>(part, outputs, tile);
            }
            else
            {
                ConvolutionKernels.Run3X3<TSimd, TVector, TTaps>(part, outputs, tile);
            }

            int run = isFour ? 4 : 3;
            outputs += run;
            count -= run;
        }
    }

    private static void RunTwo<TTaps>(in ConvolutionTile part, OutputChannel* outputs, int count, in PixelTile tile)
        where TTaps : struct, ITaps
    {
        while (count > 0)
        {
            int run = count switch { 6 or 9 or 10 or > 11 => 6, 3 => 3, _ => 4 };
            if (run == 6)
            {
                ConvolutionKernels.Run2X6<TSimd, TVector, TTaps>(part, outputs, tile);
            }
            else if (run == 4)
            {
                ConvolutionKernels.Run2X4<TSimd, TVector, TTaps>(part, outputs, tile);
            }
            else
            {
                ConvolutionKernels.Run2X3<TSimd, TVector, TTaps>(part, outputs, tile);
            }

            outputs += run;
            count -= run;
        }
    }

    // What the next channels are added to, or written over.
    private static void Fetch(OutputChannel* outputs, int count, in PixelTile tile)
    {
        int last = Math.Max(Math.Max(tile.Second, tile.Third), tile.Fourth);
        for (OutputChannel* output = outputs; output < outputs + count; output++)
        {
            ConvolutionKernels.Prefetch(output->Plane + tile.First);
            ConvolutionKernels.Prefetch(output->Plane + last);
            if (output->Residual != null && output->Residual != output->Plane)
            {
                ConvolutionKernels.Prefetch(output->Residual + tile.First);
                ConvolutionKernels.Prefetch(output->Residual + last);
            }
        }
    }
}
