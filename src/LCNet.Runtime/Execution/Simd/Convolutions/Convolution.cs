using System.Runtime.InteropServices;

namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>One convolution's weights and the order in which an input's planes meet them. Immutable and thread-safe.</summary>
internal sealed unsafe class Convolution
{
    private readonly float[] _weights;
    private readonly float[] _bias;
    private readonly Lazy<WinogradWeights> _winograd;

    /// <summary>Takes weights as ONNX has them.</summary>
    /// <param name="weights">Output channels × input channels × kernel × kernel.</param>
    /// <param name="bias">One value an output channel.</param>
    /// <param name="kernel">Height and width of the kernel, odd; the padding is half of it.</param>
    /// <param name="stride">1 or 2.</param>
    public Convolution(ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, int outputs, int inputs, int kernel, int stride)
        : this(weights, bias, outputs, inputs, kernel, kernel, stride)
    {
    }

    /// <summary>Takes weights of a kernel that need not be square.</summary>
    internal Convolution(ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, int outputs, int inputs, int rows, int columns, int stride)
    {
        _bias = bias.ToArray();
        _weights = GC.AllocateUninitializedArray<float>(weights.Length, pinned: true);
        weights.CopyTo(_weights);
        Outputs = outputs;
        Inputs = inputs;
        Rows = rows;
        Columns = columns;
        Stride = stride;
        _winograd = new Lazy<WinogradWeights>(() => new WinogradWeights(this));
    }

    /// <summary>Output channels.</summary>
    public int Outputs { get; }

    /// <summary>Input channels.</summary>
    public int Inputs { get; }

    /// <summary>Height of the kernel.</summary>
    public int Rows { get; }

    /// <summary>Width of the kernel.</summary>
    public int Columns { get; }

    /// <summary>1 or 2.</summary>
    public int Stride { get; }

    /// <summary>Weights of each input channel.</summary>
    public int Taps => Rows * Columns;

    /// <summary>Taps that a term stands for: at stride 1 those of a row of a 3×3 kernel lie one behind the other, where there are halos.</summary>
    public int TapsOfTerm(PlaneLayout layout) => Columns == 3 && Stride == 1 && !layout.IsFlat ? 3 : 1;

    /// <summary>Terms of each input channel.</summary>
    public int TermsOfInput(PlaneLayout layout) => Taps / TapsOfTerm(layout);

    /// <summary>The same for Winograd's algorithm, made when first asked for. For 3×3 kernels of stride 1 only.</summary>
    public WinogradWeights Winograd => _winograd.Value;

    /// <summary>The bias of an output channel.</summary>
    public float Bias(int output) => _bias[output];

    /// <summary>The weights of an output channel. Valid while this object is in use.</summary>
    public float* Weights(int output) => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_weights, 0) + ((nint)output * Inputs * Taps);

    /// <summary>
    /// The terms of all input channels in order, for planes of a layout: those of the input itself at stride 1, those of its four phases at stride 2
    /// (the first of them where the kernel is 1×1), see <see cref="PlaneBuffer.Split"/>.
    /// </summary>
    /// <param name="phases">How many phases are there at stride 2: 4, or 1 where the kernel is 1×1.</param>
    public Term[] Terms(PlaneLayout layout, int phases = 4)
    {
        int termsOfInput = TermsOfInput(layout);
        var terms = new Term[Inputs * termsOfInput];
        for (int input = 0; input < Inputs; input++)
        {
            for (int term = 0; term < termsOfInput; term++)
            {
                int tap = term * TapsOfTerm(layout);
                (int phase, int dy, int dx) = Position(tap);
                int plane = ((Stride == 2 ? phases : 1) * input) + phase;
                int offset = (plane * layout.PlaneStride) + layout.Lead + (dy * layout.RowStride) + dx;
                terms[(input * termsOfInput) + term] = new Term((uint)offset, (uint)((input * Taps) + tap));
            }
        }

        return terms;
    }

    /// <summary>The input pixel that a tap reads.</summary>
    /// <param name="tap">Which, row by row.</param>
    /// <returns>The phase at stride 2, otherwise 0; rows below the pixel that is computed and columns right of it, in that phase.</returns>
    public (int Phase, int Dy, int Dx) Position(int tap)
    {
        int dy = (tap / Columns) - (Rows / 2);
        int dx = (tap % Columns) - (Columns / 2);
        return Stride == 1 ? (0, dy, dx) : ((2 * (dy & 1)) + (dx & 1), dy >> 1, dx >> 1);
    }
}
