using System.Runtime.InteropServices;

namespace LCNet.Runtime;

/// <summary>One convolution's weights and the order in which an input's planes meet them. Immutable and thread-safe.</summary>
internal sealed unsafe class Convolution
{
    private readonly float[] _weights;
    private readonly float[] _bias;

    /// <summary>Takes weights as ONNX has them.</summary>
    /// <param name="weights">Output channels × input channels × kernel × kernel.</param>
    /// <param name="bias">One value an output channel.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="kernel">Height and width of the kernel, odd; the padding is half of it.</param>
    /// <param name="stride">1 or 2.</param>
    public Convolution(ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, int outputs, int inputs, int kernel, int stride)
    {
        _weights = GC.AllocateUninitializedArray<float>(weights.Length, pinned: true);
        weights.CopyTo(_weights);
        _bias = bias.ToArray();
        Outputs = outputs;
        Inputs = inputs;
        Kernel = kernel;
        Stride = stride;
    }

    /// <summary>Output channels.</summary>
    public int Outputs { get; }

    /// <summary>Input channels.</summary>
    public int Inputs { get; }

    /// <summary>Height and width of the kernel.</summary>
    public int Kernel { get; }

    /// <summary>1 or 2.</summary>
    public int Stride { get; }

    /// <summary>Terms of each input channel.</summary>
    public int Taps => Kernel * Kernel;

    /// <summary>Where sums of an output channel begin.</summary>
    public float Bias(int output) => _bias[output];

    /// <summary>The weights of an output channel. Valid while this object is in use.</summary>
    public float* Weights(int output) => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_weights, 0) + ((nint)output * Inputs * Taps);

    /// <summary>
    /// The terms of all input channels in order, for planes of a layout: those of the input itself at stride 1, those of its four phases at stride 2
    /// (of its one phase where the kernel is 1×1), see <see cref="PlaneBuffer.Split"/>.
    /// </summary>
    public Term[] Terms(PlaneLayout layout)
    {
        var terms = new Term[Inputs * Taps];
        int half = Kernel / 2;
        for (int input = 0; input < Inputs; input++)
        {
            for (int tap = 0; tap < Taps; tap++)
            {
                int dy = (tap / Kernel) - half;
                int dx = (tap % Kernel) - half;
                int plane = input;
                if (Stride == 2)
                {
                    plane = Kernel == 1 ? input : (4 * input) + (2 * (dy & 1)) + (dx & 1);
                    dy >>= 1;
                    dx >>= 1;
                }

                int offset = (plane * layout.PlaneStride) + layout.Lead + (dy * layout.RowStride) + dx;
                terms[(input * Taps) + tap] = new Term((uint)offset, (uint)((input * Taps) + tap));
            }
        }

        return terms;
    }
}
