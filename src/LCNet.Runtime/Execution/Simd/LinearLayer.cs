using System.Numerics.Tensors;

namespace LCNet.Runtime;

/// <summary>A linear layer of one image. Immutable and thread-safe.</summary>
/// <param name="weights">Outputs × inputs.</param>
/// <param name="bias">One value an output.</param>
internal sealed class LinearLayer(float[] weights, float[] bias)
{
    /// <summary>bias + weights · inputs.</summary>
    /// <param name="inputs">All inputs.</param>
    /// <param name="outputs">Takes one value an output.</param>
    public void Run(ReadOnlySpan<float> inputs, Span<float> outputs)
    {
        for (int i = 0; i < bias.Length; i++)
        {
            outputs[i] = bias[i] + TensorPrimitives.Dot(weights.AsSpan(i * inputs.Length, inputs.Length), inputs);
        }
    }
}
