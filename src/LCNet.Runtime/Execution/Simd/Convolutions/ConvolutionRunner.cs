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

    // Of a kernel that reads beyond the edges of flat planes: 3×3.
    private const int MostTaps = 9;

    private readonly Term[] _terms;
    private readonly OutputChannel[] _outputs;
    private readonly AlignedFloats _packed = new(PackedAtHand);
    private readonly nint[] _edges = GC.AllocateArray<nint>(MostTaps, pinned: true);

    private static int MostPackedTerms => PackedAtHand / PixelPacking<TSimd, TVector>.Floats;

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
                TileLoop<TSimd, TVector>.Run<ThreeTaps>(part, someTiles, Address(_outputs), outputs, 0);
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
        int stride = termsAtATime * PixelPacking<TSimd, TVector>.Floats;
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
                        PixelPacking<TSimd, TVector>.PackBetweenEdges(pixels, Address(_edges), part, someTiles[i], packed + (i * stride), taps);
                    }
                    else
                    {
                        PixelPacking<TSimd, TVector>.Pack(pixels, part, someTiles[i], packed + (i * stride));
                    }
                }

                TileLoop<TSimd, TVector>.Run<PackedTap>(part, someTiles, Address(_outputs), outputs, stride);
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
