using System.Runtime.InteropServices;

namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>
/// Runs convolutions on one image with only some input and output channels: what is not kept is neither read nor computed. The work is cut so that the
/// pixels at hand stay in the first-level cache while all output channels take from them. Reuses its buffers; allocates nothing. Not thread-safe.
/// </summary>
/// <typeparam name="TSimd">How to compute with vectors.</typeparam>
/// <typeparam name="TVector">The vectors.</typeparam>
internal sealed unsafe class ConvolutionRunner<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    // What one pass over the output channels reads, in floats: a first-level cache of 32 KiB. Half of it was no faster, twice as much neither.
    private const int PixelsAtHand = 8192;

    // Enough taps that loading and storing the sums costs little.
    private const int TapsAtATime = 144;

    // Packed pixels in floats: a sixth of a second-level cache of 512 KiB. A first-level cache's worth was slower: sums were loaded and stored more often.
    private static readonly int PackedAtHand = TSimd.HasManyRegisters ? 43200 : 21600;

    private const int OutputsAtATime = 12;

    // Of a kernel that reads beyond the edges of flat planes: 3×3.
    private const int MostTaps = 9;

    private readonly Term[] _terms;
    private readonly OutputChannel[] _outputs;
    private readonly AlignedFloats _packed = new(PackedAtHand);
    private readonly nint[] _edges = GC.AllocateArray<nint>(MostTaps, pinned: true);

    // Floats of a term of a packed tile, and terms of the largest.
    private static int PackedTile => ConvolutionKernels.MostVectors(TSimd.Lanes) * TSimd.Lanes;

    private static int MostPackedTerms => PackedAtHand / PackedTile;

    /// <summary>Makes a runner for convolutions of up to so many terms and output channels.</summary>
    public ConvolutionRunner(int terms, int outputs)
    {
        _terms = GC.AllocateUninitializedArray<Term>(terms, pinned: true);
        _outputs = GC.AllocateUninitializedArray<OutputChannel>(outputs + 3 + ConvolutionKernels.MostChannels, pinned: true);
    }

    /// <summary>Whether the output may be the residual, see <see cref="ConvolutionLayer{TSimd, TVector}.CanRunInPlace"/>.</summary>
    public static bool CanRunInPlace(Convolution convolution, PlaneLayout layout)
    {
        int inputsAtATime = convolution.TapsOfTerm(layout) == 1 ? MostPackedTerms / convolution.TermsOfInput(layout) : MostInputs(layout, convolution);
        return convolution.Inputs <= inputsAtATime && Padded(convolution.Outputs) == convolution.Outputs;
    }

    /// <summary>Runs a convolution: output = max(floor, scale · (bias + Σ weight · pixel) + residual).</summary>
    /// <param name="allTerms">Its terms for the input's layout, see <see cref="Convolution.Terms"/>.</param>
    public void Run(Convolution convolution, ReadOnlySpan<Term> allTerms, in ConvolutionCall call)
    {
        int outputs = SetOutputs(convolution, call);
        PlaneLayout layout = call.Output.Layout;
        int termsOfInput = convolution.TermsOfInput(layout);
        int terms = SetTerms(convolution, allTerms, call, termsOfInput);
        int padded = Pad(outputs);
        var part = new ConvolutionTile
        {
            Input = call.Input.Start,
            Floor = call.HasRelu ? 0 : float.NegativeInfinity,

            // The next plane then lies in another page, where the processor does not fetch ahead by itself.
            FetchesAhead = layout.PlaneStride >= PlaneLayout.Page,
        };
        if (convolution.TapsOfTerm(layout) > 1)
        {
            RunInPlace(convolution, part, layout, terms, padded);
        }
        else
        {
            RunPacked(part, layout.Tiles, terms, padded, SetEdges(convolution, layout));
        }

        for (int output = 0; output < outputs; output++)
        {
            layout.ClearHalo(_outputs[output].Plane);
        }
    }

    private void RunInPlace(Convolution convolution, ConvolutionTile part, PlaneLayout layout, int terms, int outputs)
    {
        PixelTile[] tiles = layout.Tiles;
        int inputsAtATime = InputsAtATime(layout, convolution, terms / convolution.TermsOfInput(layout));
        int termsAtATime = inputsAtATime * convolution.TermsOfInput(layout);
        int tilesAtATime = TilesAtATime(layout, convolution.Rows, inputsAtATime);
        Term* all = Address(_terms);
        for (int tile = 0; tile < tiles.Length; tile += tilesAtATime)
        {
            ReadOnlySpan<PixelTile> someTiles = tiles.AsSpan(tile, Math.Min(tilesAtATime, tiles.Length - tile));
            for (int term = 0; term < terms; term += termsAtATime)
            {
                part.Terms = all + term;
                part.Count = Math.Min(termsAtATime, terms - term);
                part.IsFirst = term == 0;
                part.IsLast = term + termsAtATime >= terms;
                RunPart<ThreeTaps>(part, someTiles, outputs, 0);
            }
        }
    }

    // Of planes that lie far apart each term would touch another page: the pixels of some tiles are packed once, and read for every output channel.
    private void RunPacked(ConvolutionTile part, PixelTile[] tiles, int terms, int outputs, int taps)
    {
        int most = MostPackedTerms / taps * taps;
        int passes = (terms + most - 1) / most;
        int termsAtATime = (((terms / taps) + passes - 1) / passes) * taps;
        int tilesAtATime = Math.Max(1, MostPackedTerms / termsAtATime);
        int stride = termsAtATime * PackedTile;
        float* pixels = part.Input;
        float* packed = _packed.Start;
        Term* all = Address(_terms);
        part.Input = packed;
        for (int tile = 0; tile < tiles.Length; tile += tilesAtATime)
        {
            ReadOnlySpan<PixelTile> someTiles = tiles.AsSpan(tile, Math.Min(tilesAtATime, tiles.Length - tile));
            for (int term = 0; term < terms; term += termsAtATime)
            {
                part.Terms = all + term;
                part.Count = Math.Min(termsAtATime, terms - term);
                part.IsFirst = term == 0;
                part.IsLast = term + termsAtATime >= terms;
                for (int i = 0; i < someTiles.Length; i++)
                {
                    if (taps > 1)
                    {
                        PackBetweenEdges(pixels, part, someTiles[i], packed + (i * stride), taps);
                    }
                    else
                    {
                        Pack(pixels, part, someTiles[i], packed + (i * stride));
                    }
                }

                RunPart<PackedTap>(part, someTiles, outputs, stride);
            }
        }
    }

    // What flat planes lack around them, for each tap.
    private int SetEdges(Convolution convolution, PlaneLayout layout)
    {
        if (layout.Edges is null || convolution.Taps == 1)
        {
            return 1;
        }

        for (int tap = 0; tap < convolution.Taps; tap++)
        {
            (_, int dy, int dx) = convolution.Position(tap);
            _edges[tap] = (nint)layout.Edges.Mask(dy, dx);
        }

        return convolution.Taps;
    }

    private void PackBetweenEdges(float* pixels, in ConvolutionTile part, PixelTile tile, float* packed, int taps)
    {
        nint* edges = Address(_edges);
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

                packed += PackedTile;
            }
        }
    }

    private static void Pack(float* pixels, in ConvolutionTile part, PixelTile tile, float* packed)
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

            packed += PackedTile;
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

    private void RunPart<TTaps>(in ConvolutionTile part, ReadOnlySpan<PixelTile> tiles, int outputs, int stride)
        where TTaps : struct, ITaps
    {
        OutputChannel* first = Address(_outputs);
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

    private int SetOutputs(Convolution convolution, in ConvolutionCall call)
    {
        int count = call.KeptOutputs.IsEmpty ? convolution.Outputs : call.KeptOutputs.Length;
        for (int i = 0; i < count; i++)
        {
            int channel = call.KeptOutputs.IsEmpty ? i : (int)call.KeptOutputs[i];
            _outputs[i] = new OutputChannel
            {
                Weights = convolution.Weights(channel),
                Bias = convolution.Bias(channel),
                Scale = call.Scales.IsEmpty ? call.Scale : call.Scales[i],
                Plane = call.Output.Plane(i),
                Residual = call.Residual is null ? null : call.Residual.Plane(i),
            };
        }

        return count;
    }

    private int SetTerms(Convolution convolution, ReadOnlySpan<Term> all, in ConvolutionCall call, int termsOfInput)
    {
        if (call.KeptInputs.IsEmpty)
        {
            all.CopyTo(_terms.AsSpan());
            return all.Length;
        }

        // Kept inputs lie one behind the other; their weights do not.
        int term = 0;
        int tapsOfTerm = convolution.Taps / termsOfInput;
        foreach (long channel in call.KeptInputs)
        {
            int weights = (int)channel * convolution.Taps;
            for (int i = 0; i < termsOfInput; i++, term++)
            {
                _terms[term] = new Term(all[term].Input, (uint)(weights + (i * tapsOfTerm)));
            }
        }

        return term;
    }

    // The last channel is repeated until groups of three and four fit: within one group, so that both write the same.
    private int Pad(int outputs)
    {
        int padded = Padded(outputs);
        for (int i = outputs; i < padded; i++)
        {
            _outputs[i] = _outputs[outputs - 1];
        }

        // What a kernel fetches ahead behind the last channel must be there, if not of use.
        for (int i = padded; i < padded + ConvolutionKernels.MostChannels; i++)
        {
            _outputs[i].Weights = _outputs[0].Weights;
        }

        return padded;
    }

    private static int Padded(int outputs) => outputs switch { < 3 => 3, 5 => 6, _ => outputs };

    // As many whole planes as there is room for, but never so few that sums are loaded and stored often.
    private static int InputsAtATime(PlaneLayout layout, Convolution convolution, int inputs)
    {
        int most = MostInputs(layout, convolution);
        int passes = (inputs + most - 1) / most;
        return (inputs + passes - 1) / passes;
    }

    private static int MostInputs(PlaneLayout layout, Convolution convolution) => Math.Max(TapsAtATime / convolution.Taps, PixelsAtHand / layout.PlaneStride);

    private static int TilesAtATime(PlaneLayout layout, int rows, int inputs)
    {
        int perInput = (PixelsAtHand / inputs) - ((rows - 1) * layout.RowStride);
        return Math.Max(1, perInput / (3 * TSimd.Lanes));
    }

    private static T* Address<T>(T[] pinned)
        where T : unmanaged => (T*)Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);
}
