namespace LCNet.Runtime.Benchmarks;

/// <summary>A convolution to measure.</summary>
/// <param name="Inputs">Input channels.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="Kernel">Height and width of the kernel.</param>
/// <param name="Stride">1 or 2.</param>
/// <param name="Size">Height and width of the output in pixels.</param>
/// <param name="Kept">Share of the output channels that is computed.</param>
public sealed record ConvolutionShape(int Inputs, int Outputs, int Kernel, int Stride, int Size, double Kept)
{
    /// <summary>Output channels that are computed: evenly spread.</summary>
    public long[] KeptOutputs()
    {
        int count = (int)Math.Round(Kept * Outputs);
        return [.. Enumerable.Range(0, count).Select(i => (long)i * Outputs / count)];
    }

    /// <summary>Multiplies and adds of what is computed, by the convolution's definition.</summary>
    public double Flops() => 2.0 * Inputs * KeptOutputs().Length * Kernel * Kernel * Size * Size;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Inputs}→{Outputs} {Kernel}×{Kernel}/{Stride}, {Size}×{Size}, {Kept:P0}");
}
