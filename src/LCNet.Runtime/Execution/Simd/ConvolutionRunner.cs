using System.Runtime.InteropServices;

namespace LCNet.Runtime;

/// <summary>
/// Runs convolutions on one image with only some input and output channels: what is not kept is neither read nor computed. The work is cut so that the
/// pixels at hand stay in the first-level cache while all output channels take from them. Reuses its buffers; allocates nothing. Not thread-safe.
/// </summary>
/// <typeparam name="TVector">The vector to compute with.</typeparam>
internal sealed unsafe class ConvolutionRunner<TVector>
    where TVector : struct, ISimd<TVector>
{
    // What one pass over the output channels reads, in floats: half a first-level cache of 32 KiB, whose other half is for weights and sums.
    private const int PixelsAtHand = 4096;

    // Enough terms that loading and storing the sums costs little.
    private const int TermsAtATime = 144;
    private readonly Term[] _terms;
    private readonly OutputChannel[] _outputs;

    /// <summary>Makes a runner for convolutions of up to so many terms and output channels.</summary>
    public ConvolutionRunner(int terms, int outputs)
    {
        _terms = GC.AllocateUninitializedArray<Term>(terms, pinned: true);
        _outputs = GC.AllocateUninitializedArray<OutputChannel>(outputs + 3, pinned: true);
    }

    /// <summary>Runs a convolution: output = max(floor, scale · (bias + Σ weight · pixel) + residual).</summary>
    /// <param name="call">What to run.</param>
    public void Run(in ConvolutionCall call)
    {
        Convolution convolution = call.Convolution;
        int outputs = SetOutputs(call);
        int terms = SetTerms(call);
        int padded = Pad(outputs);
        PixelTile[] tiles = call.Output.Layout.Tiles;
        int inputs = terms / convolution.Taps;
        int passes = (terms + TermsAtATime - 1) / TermsAtATime;
        int inputsAtATime = (inputs + passes - 1) / passes;
        int termsAtATime = inputsAtATime * convolution.Taps;
        int tilesAtATime = TilesAtATime(call.Output.Layout, convolution.Kernel, inputsAtATime);
        var part = new ConvolutionTile { Input = call.Input.Start, Floor = call.HasRelu ? 0 : float.NegativeInfinity };
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
                RunPart(part, someTiles, padded);
            }
        }

        for (int output = 0; output < outputs; output++)
        {
            call.Output.Layout.ClearHalo(_outputs[output].Plane);
        }
    }

    private void RunPart(in ConvolutionTile part, ReadOnlySpan<PixelTile> tiles, int outputs)
    {
        // Groups of four, and of three at the end so that none is left over.
        int fours = outputs - (3 * ((4 - (outputs % 4)) % 4));
        OutputChannel* group = Address(_outputs);
        OutputChannel* end = group + outputs;
        for (OutputChannel* three = group + fours; group < three; group += 4)
        {
            foreach (PixelTile tile in tiles)
            {
                if (tile.Third >= 0)
                {
                    ConvolutionKernels.Run3X4<TVector>(part, group, tile.First, tile.Second, tile.Third);
                }
                else
                {
                    ConvolutionKernels.Run2X4<TVector>(part, group, tile.First, tile.Second);
                }
            }
        }

        for (; group < end; group += 3)
        {
            foreach (PixelTile tile in tiles)
            {
                if (tile.Third >= 0)
                {
                    ConvolutionKernels.Run3X3<TVector>(part, group, tile.First, tile.Second, tile.Third);
                }
                else
                {
                    ConvolutionKernels.Run2X3<TVector>(part, group, tile.First, tile.Second);
                }
            }
        }
    }

    private int SetOutputs(in ConvolutionCall call)
    {
        int count = call.KeptOutputs.IsEmpty ? call.Convolution.Outputs : call.KeptOutputs.Length;
        for (int i = 0; i < count; i++)
        {
            int channel = call.KeptOutputs.IsEmpty ? i : (int)call.KeptOutputs[i];
            _outputs[i] = new OutputChannel
            {
                Weights = call.Convolution.Weights(channel),
                Bias = call.Convolution.Bias(channel),
                Scale = call.Scales.IsEmpty ? call.Scale : call.Scales[i],
                Plane = call.Output.Plane(i),
                Residual = call.Residual is null ? null : call.Residual.Plane(i),
            };
        }

        return count;
    }

    private int SetTerms(in ConvolutionCall call)
    {
        if (call.KeptInputs.IsEmpty)
        {
            call.Terms.CopyTo(_terms.AsSpan());
            return call.Terms.Length;
        }

        // Kept inputs lie one behind the other; their weights do not.
        int taps = call.Convolution.Taps;
        int term = 0;
        foreach (long channel in call.KeptInputs)
        {
            uint weight = (uint)((int)channel * taps);
            for (int tap = 0; tap < taps; tap++, term++)
            {
                _terms[term] = new Term(call.Terms[term].Input, weight++);
            }
        }

        return term;
    }

    // The last channel is repeated until groups of three and four fit: within one group, so that both write the same.
    private int Pad(int outputs)
    {
        int padded = outputs switch { < 3 => 3, 5 => 6, _ => outputs };
        for (int i = outputs; i < padded; i++)
        {
            _outputs[i] = _outputs[outputs - 1];
        }

        return padded;
    }

    private static int TilesAtATime(PlaneLayout layout, int kernel, int inputs)
    {
        int perInput = (PixelsAtHand / inputs) - ((kernel - 1) * layout.RowStride);
        return Math.Max(1, perInput / (3 * TVector.Lanes));
    }

    private static T* Address<T>(T[] pinned)
        where T : unmanaged => (T*)Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);
}

/// <summary>A convolution of one image with what to keep.</summary>
internal readonly ref struct ConvolutionCall
{
    /// <summary>The convolution.</summary>
    public required Convolution Convolution { get; init; }

    /// <summary>Its terms for the input's layout, see <see cref="Convolution.Terms"/>.</summary>
    public required ReadOnlySpan<Term> Terms { get; init; }

    /// <summary>Planes of the kept input channels, or their phases; of the same row stride as the output.</summary>
    public required PlaneBuffer Input { get; init; }

    /// <summary>Takes the planes of the kept output channels, one behind the other.</summary>
    public required PlaneBuffer Output { get; init; }

    /// <summary>Ascending indices of the input channels that are there; empty for all.</summary>
    public ReadOnlySpan<long> KeptInputs { get; init; }

    /// <summary>Ascending indices of the output channels to compute; empty for all.</summary>
    public ReadOnlySpan<long> KeptOutputs { get; init; }

    /// <summary>A scale for each kept output channel; empty where <see cref="Scale"/> is for all.</summary>
    public ReadOnlySpan<float> Scales { get; init; }

    /// <summary>The scale of all channels.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>What is added at the end, of the output's layout; null for nothing.</summary>
    public PlaneBuffer? Residual { get; init; }

    /// <summary>Whether what is below 0 becomes 0 at the end.</summary>
    public bool HasRelu { get; init; }

    /// <summary>Makes an empty call.</summary>
    public ConvolutionCall()
    {
    }
}
