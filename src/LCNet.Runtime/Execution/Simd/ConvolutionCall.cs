namespace LCNet.Runtime;

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
