using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>
/// Runs 3×3 convolutions of stride 1 on flat planes of 8×8 by <see cref="WinogradWeights"/> with vectors of 16 floats: each row of a transformed plane is half a
/// vector, so both are one. What the kernel reads beyond a row's ends is made zero as the three taps are laid out. Only kept channels are
/// transformed and convolved. Reuses its buffers; allocates nothing. Not thread-safe.
/// </summary>
internal sealed unsafe class FlatWinogradRunner
{
    private const int Side = 8;
    private const int Lanes = 16;
    private const int Taps = 3;

    // Floats of an input channel, as a kernel reads it: a vector a tap.
    private const int InputSpan = Taps * Lanes;

    // As many sums as two multiply-adds a cycle of four cycles each need.
    private const int Group = WinogradWeights.Eight;
    private readonly Convolution _convolution;
    private readonly AlignedFloats _inputs;
    private readonly AlignedFloats _outputs;
    private readonly uint[] _offsets;
    private readonly nint[] _weights;

    /// <summary>Makes a runner.</summary>
    public FlatWinogradRunner(Convolution convolution)
    {
        _convolution = convolution;
        _inputs = new AlignedFloats(WinogradWeights.InputRows * convolution.Inputs * InputSpan);
        _outputs = new AlignedFloats(WinogradWeights.InputRows * Padded(convolution.Outputs) * Lanes);
        _offsets = GC.AllocateArray<uint>(convolution.Inputs, pinned: true);
        _weights = GC.AllocateArray<nint>((WinogradWeights.InputRows * Padded(convolution.Outputs)) + Group, pinned: true);
    }

    /// <summary>Whether a convolution is one that this computes.</summary>
    /// <param name="lanes">Floats in a vector.</param>
    public static bool Serves(Convolution convolution, PlaneLayout layout, int lanes) =>
        lanes == Lanes && layout is { IsFlat: true, Height: Side, Width: Side } && convolution is { Rows: 3, Columns: 3, Stride: 1 };

    /// <summary>Runs the convolution: output = max(floor, scale · (bias + Σ weight · pixel) + residual). The output may be the residual.</summary>
    public void Run(in ConvolutionCall call)
    {
        int inputs = call.KeptInputs.IsEmpty ? _convolution.Inputs : call.KeptInputs.Length;
        int outputs = call.KeptOutputs.IsEmpty ? _convolution.Outputs : call.KeptOutputs.Length;
        for (int input = 0; input < inputs; input++)
        {
            TransformInput(call.Input.Plane(input), inputs, input);
        }

        int padded = Padded(outputs);
        if (call.KeptOutputs.IsEmpty)
        {
            SetWeights(call.KeptInputs, inputs, padded);
            Convolve<InEights>(inputs, padded);
        }
        else
        {
            SetWeights(call, inputs, padded);
            Convolve<OneByOne>(inputs, padded);
        }

        for (int output = 0; output < outputs; output++)
        {
            TransformOutput(call, output, padded);
        }
    }

    private static int Padded(int outputs) => (outputs + Group - 1) / Group * Group;

    // Every output channel: eight lie side by side, and weights of skipped inputs share hardly a cache line with those of kept ones.
    private void SetWeights(ReadOnlySpan<long> keptInputs, int inputs, int padded)
    {
        float* weights = _convolution.Winograd.InEights;
        for (int input = 0; input < inputs; input++)
        {
            _offsets[input] = (uint)(Taps * Group * (keptInputs.IsEmpty ? input : (int)keptInputs[input]));
        }

        int groups = WinogradWeights.InputRows * padded / Group;
        for (int channel = 0; channel < groups * Group; channel++)
        {
            _weights[channel] = (nint)(weights + ((nint)(channel / Group) * _convolution.Inputs * Taps * Group) + (channel % Group));
        }

        EndWeights(groups * Group);
    }

    // Any output channels: the weights of each lie one behind the other.
    private void SetWeights(in ConvolutionCall call, int inputs, int padded)
    {
        for (int input = 0; input < inputs; input++)
        {
            _offsets[input] = (uint)(Taps * (call.KeptInputs.IsEmpty ? input : (int)call.KeptInputs[input]));
        }

        for (int row = 0; row < WinogradWeights.InputRows; row++)
        {
            Convolution weights = _convolution.Winograd.Convolutions[row];
            for (int output = 0; output < padded; output++)
            {
                // The last channel fills its group up.
                _weights[(row * padded) + output] = (nint)weights.Weights((int)call.KeptOutputs[Math.Min(output, call.KeptOutputs.Length - 1)]);
            }
        }

        EndWeights(WinogradWeights.InputRows * padded);
    }

    // What is fetched ahead behind the last group must be there, if not of use.
    private void EndWeights(int end)
    {
        for (int i = 0; i < Group; i++)
        {
            _weights[end + i] = _weights[i];
        }
    }

    private void Convolve<TOrder>(int inputs, int padded)
        where TOrder : struct, IWeightOrder
    {
        nint* weights = (nint*)Marshal.UnsafeAddrOfPinnedArrayElement(_weights, 0);
        for (int row = 0; row < WinogradWeights.InputRows; row++)
        {
            float* source = _inputs.Start + ((nint)row * inputs * InputSpan);
            float* target = _outputs.Start + ((nint)row * padded * Lanes);
            for (int output = 0; output < padded; output += Group)
            {
                Convolve<TOrder>(source, inputs, weights + (row * padded) + output, target + (output * Lanes));
            }
        }
    }

    // Bᵀ of the paper, for the two groups of rows at once: rows −1 to 4 beside rows 3 to 8, of which the first and the last are zero.
    private void TransformInput(float* plane, int inputs, int input)
    {
        Vector512<float> d0 = Vector512.Create(Vector256<float>.Zero, Vector256.Load(plane + (3 * Side)));
        Vector512<float> d1 = Rows(plane, 0);
        Vector512<float> d2 = Rows(plane, 1);
        Vector512<float> d3 = Rows(plane, 2);
        Vector512<float> d4 = Rows(plane, 3);
        Vector512<float> d5 = Vector512.Create(Vector256.Load(plane + (4 * Side)), Vector256<float>.Zero);
        Vector512<float> even = d4 - (4 * d2);
        Vector512<float> odd = d3 - (4 * d1);
        Vector512<float> evenOfTwo = d4 - d2;
        Vector512<float> oddOfTwo = 2 * (d3 - d1);
        nint apart = (nint)inputs * InputSpan;
        float* to = _inputs.Start + ((nint)input * InputSpan);
        StoreTaps((4 * d0) - (5 * d2) + d4, to);
        StoreTaps(even + odd, to += apart);
        StoreTaps(even - odd, to += apart);
        StoreTaps(evenOfTwo + oddOfTwo, to += apart);
        StoreTaps(evenOfTwo - oddOfTwo, to += apart);
        StoreTaps((4 * d1) - (5 * d3) + d5, to + apart);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Rows(float* plane, int row) =>
        Vector512.Create(Vector256.Load(plane + (row * Side)), Vector256.Load(plane + ((row + (Side / 2)) * Side)));

    // What each pixel has on its left, itself, and what it has on its right; zero beyond either end of a row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTaps(Vector512<float> rows, float* to)
    {
        Vector512<int> left = Vector512.Create(0, 0, 1, 2, 3, 4, 5, 6, 0, 8, 9, 10, 11, 12, 13, 14);
        Vector512<int> right = Vector512.Create(1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 0);
        Vector512<float> notFirst = Vector512.Create(0, -1, -1, -1, -1, -1, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1).AsSingle();
        Vector512<float> notLast = Vector512.Create(-1, -1, -1, -1, -1, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1, 0).AsSingle();
        (Vector512.Shuffle(rows, left) & notFirst).Store(to);
        rows.Store(to + Lanes);
        (Vector512.Shuffle(rows, right) & notLast).Store(to + (2 * Lanes));
    }

    // Eight output channels of one of the six convolutions.
    private void Convolve<TOrder>(float* source, int inputs, nint* channels, float* target)
        where TOrder : struct, IWeightOrder
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        float* w0 = (float*)channels[0];
        float* w1 = (float*)channels[1];
        float* w2 = (float*)channels[2];
        float* w3 = (float*)channels[3];
        float* w4 = (float*)channels[4];
        float* w5 = (float*)channels[5];
        float* w6 = (float*)channels[6];
        float* w7 = (float*)channels[7];
        uint* offset = (uint*)Marshal.UnsafeAddrOfPinnedArrayElement(_offsets, 0);
        uint* first = offset;

        // Weights of the next channels are fetched: too many to lie in the first-level cache, in pieces too short for the processor to see them coming.
        int apart = Group * Taps * sizeof(float) * _convolution.Inputs / inputs;
        for (int next = 1; next <= Group; next++)
        {
            byte* ahead = (byte*)channels[Group + (TOrder.IsInEights ? 0 : next - 1)];
            for (uint* end = first + (inputs * next / Group); offset != end; offset++)
            {
                nuint w = *offset;
                byte* at = TOrder.IsInEights ? ahead + (w * sizeof(float)) : ahead;
                ConvolutionKernels.Prefetch(at);
                ConvolutionKernels.Prefetch(at + 64);
                ahead += TOrder.IsInEights ? 0 : apart;
                Step(0, w);
                Step(Lanes, w + (nuint)TOrder.TapsApart);
                Step(2 * Lanes, w + (nuint)(2 * TOrder.TapsApart));
                source += InputSpan;
            }
        }

        a0.Store(target);
        a1.Store(target + Lanes);
        a2.Store(target + (2 * Lanes));
        a3.Store(target + (3 * Lanes));
        a4.Store(target + (4 * Lanes));
        a5.Store(target + (5 * Lanes));
        a6.Store(target + (6 * Lanes));
        a7.Store(target + (7 * Lanes));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            Vector512<float> pixels = Vector512.Load(source + x);
            a0 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w0[w]), a0);
            a1 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w1[w]), a1);
            a2 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w2[w]), a2);
            a3 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w3[w]), a3);
            a4 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w4[w]), a4);
            a5 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w5[w]), a5);
            a6 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w6[w]), a6);
            a7 = Vector512.MultiplyAddEstimate(pixels, Vector512.Create(w7[w]), a7);
        }
    }

    // Aᵀ of the paper.
    private void TransformOutput(in ConvolutionCall call, int output, int padded)
    {
        float* from = _outputs.Start + (output * Lanes);
        nint apart = (nint)padded * Lanes;
        Vector512<float> zero = Vector512.Load(from);
        Vector512<float> one = Vector512.Load(from += apart);
        Vector512<float> minusOne = Vector512.Load(from += apart);
        Vector512<float> two = Vector512.Load(from += apart);
        Vector512<float> minusTwo = Vector512.Load(from += apart);
        Vector512<float> infinite = Vector512.Load(from + apart);
        int channel = call.KeptOutputs.IsEmpty ? output : (int)call.KeptOutputs[output];
        Vector512<float> bias = Vector512.Create(_convolution.Bias(channel));
        Vector512<float> scale = Vector512.Create(call.Scales.IsEmpty ? call.Scale : call.Scales[output]);
        Vector512<float> floor = Vector512.Create(call.HasRelu ? 0 : float.NegativeInfinity);
        float* target = call.Output.Plane(output);
        float* residual = call.Residual is null ? null : call.Residual.Plane(output);
        Vector512<float> sum = one + minusOne + bias;
        Vector512<float> difference = one - minusOne + bias;
        Vector512<float> sumOfTwo = two + minusTwo;
        Vector512<float> differenceOfTwo = two - minusTwo;
        Write(zero + sum + sumOfTwo, 0);
        Write(difference + (2 * differenceOfTwo), 1);
        Write(sum + (4 * sumOfTwo), 2);
        Write(difference + (8 * differenceOfTwo) + infinite, 3);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Write(Vector512<float> value, int row)
        {
            Vector512<float> added = residual == null ? default : Rows(residual, row);
            Vector512<float> result = Vector512.MaxNative(floor, Vector512.MultiplyAddEstimate(value, scale, added));
            result.GetLower().Store(target + (row * Side));
            result.GetUpper().Store(target + ((row + (Side / 2)) * Side));
        }
    }

    /// <summary>The order in which weights lie in memory.</summary>
    private interface IWeightOrder
    {
        /// <summary>Whether those of eight output channels lie side by side.</summary>
        static abstract bool IsInEights { get; }

        /// <summary>Floats from the weight of a tap to that of the next.</summary>
        static abstract int TapsApart { get; }
    }

    private readonly struct InEights : IWeightOrder
    {
        public static bool IsInEights => true;

        public static int TapsApart => Group;
    }

    private readonly struct OneByOne : IWeightOrder
    {
        public static bool IsInEights => false;

        public static int TapsApart => 1;
    }
}
