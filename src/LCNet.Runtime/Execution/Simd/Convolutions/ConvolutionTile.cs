namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>One weight's position: an input channel and a tap of the kernel.</summary>
/// <param name="Input">Distance from the input's least address to what the first pixel reads, in floats.</param>
/// <param name="Weight">Index of the weight in <see cref="OutputChannel.Weights"/>.</param>
internal readonly record struct Term(uint Input, uint Weight);

/// <summary>One output channel as a kernel sees it.</summary>
internal unsafe struct OutputChannel
{
    /// <summary>Its weights, indexed by <see cref="Term.Weight"/>.</summary>
    public float* Weights;

    /// <summary>The plane that the channel is written to, from the first pixel on.</summary>
    public float* Plane;

    /// <summary>The plane that is added at the end, from the first pixel on; null for none.</summary>
    public float* Residual;

    /// <summary>The channel's bias, which sums begin with.</summary>
    public float Bias;

    /// <summary>What complete sums are multiplied with.</summary>
    public float Scale;
}

/// <summary>
/// Some terms of a convolution, to be summed for some pixels and channels. Once all terms are summed,
/// output = max(floor, scale · (bias + Σ weight · pixel) + residual).
/// </summary>
internal unsafe struct ConvolutionTile
{
    /// <summary>The input, from the least address that a term may refer to.</summary>
    public float* Input;

    /// <summary>The terms.</summary>
    public Term* Terms;

    /// <summary>Number of terms.</summary>
    public int Count;

    /// <summary>Whether sums begin at the bias; otherwise at what the output's plane holds.</summary>
    public bool IsFirst;

    /// <summary>Whether sums are complete behind these terms.</summary>
    public bool IsLast;

    /// <summary>Whether what the next channels write is fetched into the cache while these are computed.</summary>
    public bool FetchesAhead;

    /// <summary>0 for a ReLU, −∞ for none.</summary>
    public float Floor;
}

/// <summary>What a <see cref="Term"/> stands for.</summary>
internal interface ITaps
{
    /// <summary>
    /// Whether it is one tap, of pixels that were copied so that what a tile reads lies in one piece, in the order in which it is read; otherwise it is
    /// three taps that lie one behind the other, in the input as in the weights.
    /// </summary>
    static abstract bool IsPacked { get; }
}

/// <summary>Terms of one tap of packed pixels.</summary>
internal readonly struct PackedTap : ITaps
{
    public static bool IsPacked => true;
}

/// <summary>Terms of three taps, a row of a 3×3 kernel: a third of the terms to load, and nothing to pack.</summary>
internal readonly struct ThreeTaps : ITaps
{
    public static bool IsPacked => false;
}

/// <summary>What a convolution reads, keeps and writes for one image.</summary>
internal readonly ref struct ConvolutionCall
{
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
