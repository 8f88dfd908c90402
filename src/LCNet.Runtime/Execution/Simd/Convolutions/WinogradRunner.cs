using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>
/// Runs 3×3 convolutions of stride 1 of one shape by <see cref="WinogradWeights"/>: the input's rows are combined, convolved by six 1×3 kernels, and the rows of
/// what they give are combined. Only kept channels are combined and convolved. Reuses its buffers; allocates nothing.
/// Not thread-safe.
/// </summary>
/// <typeparam name="TSimd">How to compute with vectors.</typeparam>
/// <typeparam name="TVector">The vectors.</typeparam>
internal sealed unsafe class WinogradRunner<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    // Transformed input and output in floats, where they are to stay in the second-level cache: half of one of 512 KiB.
    private const int TransformedAtHand = 65536;

    // Weights in floats from which on reading them once for each part of the plane costs more than parts that stay in the cache save.
    private const int ManyWeights = 98304;

    // With fewer pixels for each weight, reading twice as many weights costs what fewer products save.
    private const int FewestPixels = 64;

    // Rows shorter than a vector are served as long as most of it is of use: in quarters.
    private const int FewestQuarters = 3;

    // From fewer input channels the transform of the output costs more than it saves.
    private const int FewestInputs = 8;
    private readonly ConvolutionRunner<TSimd, TVector> _runner;
    private readonly Convolution _convolution;
    private readonly int _height;
    private readonly int _width;
    private readonly Band[] _bands;
    private readonly float[] _zeros;
    private readonly float[] _isPixel;

    /// <summary>Makes a runner.</summary>
    public WinogradRunner(Convolution convolution, PlaneLayout layout, PlaneStore planes, ConvolutionRunner<TSimd, TVector> runner)
    {
        _runner = runner;
        _convolution = convolution;
        _height = layout.Height;
        _width = layout.Width;
        _zeros = GC.AllocateArray<float>(layout.Width + TSimd.Lanes, pinned: true);
        _isPixel = GC.AllocateArray<float>(TSimd.Lanes, pinned: true);
        _isPixel.AsSpan(0, Math.Min(layout.Width, TSimd.Lanes)).Fill(1);
        int groups = (_height + WinogradWeights.OutputRows - 1) / WinogradWeights.OutputRows;
        int channels = convolution.Inputs + convolution.Outputs;
        int weights = WinogradWeights.InputRows * 3 * convolution.Inputs * convolution.Outputs;
        int most = weights >= ManyWeights ? groups : Math.Clamp(TransformedAtHand / (channels * WinogradWeights.InputRows * layout.RowStride), 1, groups);
        int parts = (groups + most - 1) / most;
        var bands = new List<Band>();
        for (int part = 0, first = 0; part < parts; part++)
        {
            int rows = (groups - first) / (parts - part);
            bands.Add(new Band(convolution, first, rows, Math.Max(layout.Width, TSimd.Lanes), planes));
            first += rows;
        }

        _bands = [.. bands];
    }

    /// <summary>Whether a convolution is one that this computes, and large enough to gain.</summary>
    public static bool Serves(Convolution convolution, PlaneLayout layout) =>
        convolution is { Rows: 3, Columns: 3, Stride: 1, Inputs: >= FewestInputs }
        && 4 * layout.Width >= FewestQuarters * TSimd.Lanes && !layout.IsFlat && layout.Height * layout.Width >= FewestPixels;

    /// <summary>Whether the output may be the residual. Vectors that overlap read residuals of pixels that are written already.</summary>
    public bool CanRunInPlace => _width % TSimd.Lanes == 0;

    /// <summary>Runs the convolution: output = max(floor, scale · (bias + Σ weight · pixel) + residual).</summary>
    public void Run(in ConvolutionCall call)
    {
        int inputs = call.KeptInputs.IsEmpty ? _convolution.Inputs : call.KeptInputs.Length;
        int outputs = call.KeptOutputs.IsEmpty ? _convolution.Outputs : call.KeptOutputs.Length;
        foreach (Band band in _bands)
        {
            for (int input = 0; input < inputs; input++)
            {
                TransformInput(call.Input, input, band);
            }

            for (int i = 0; i < WinogradWeights.InputRows; i++)
            {
                _runner.Run(
                    _convolution.Winograd.Convolutions[i],
                    band.Terms,
                    new ConvolutionCall { Input = band.Inputs[i], Output = band.Outputs[i], KeptInputs = call.KeptInputs, KeptOutputs = call.KeptOutputs });
            }

            for (int output = 0; output < outputs; output++)
            {
                TransformOutput(call, output, band);
            }
        }
    }

    // Bᵀ of the paper.
    private void TransformInput(PlaneBuffer input, int plane, Band band)
    {
        TVector four = TSimd.Broadcast(4);
        TVector minusFour = TSimd.Broadcast(-4);
        TVector minusFive = TSimd.Broadcast(-5);
        int stride = input.Layout.RowStride;
        int last = Math.Max(0, _width - TSimd.Lanes);
        bool isShort = _width < TSimd.Lanes;
        TVector isPixel = TSimd.Load(Address(_isPixel));
        float* source = input.Plane(plane);
        float* target = band.Inputs[0].Plane(plane);
        nint part = band.InputsApart;
        for (int group = 0; group < band.Rows; group++)
        {
            int row = WinogradWeights.OutputRows * (band.First + group);
            float* r0 = source + ((row - 1) * stride);
            float* r1 = r0 + stride;
            float* r2 = InputRow(source, row + 1, stride);
            float* r3 = InputRow(source, row + 2, stride);
            float* r4 = InputRow(source, row + 3, stride);
            float* r5 = InputRow(source, row + 4, stride);
            for (int x = 0; ; x = Math.Min(x + TSimd.Lanes, last))
            {
                TVector d1 = TSimd.Load(r1 + x);
                TVector d2 = TSimd.Load(r2 + x);
                TVector d3 = TSimd.Load(r3 + x);
                TVector d4 = TSimd.Load(r4 + x);
                TVector even = TSimd.MultiplyAdd(d2, minusFour, d4);
                TVector odd = TSimd.MultiplyAdd(d1, minusFour, d3);
                TVector evenOfTwo = TSimd.Subtract(d4, d2);
                TVector oddOfTwo = TSimd.Subtract(d3, d1);
                oddOfTwo = TSimd.Add(oddOfTwo, oddOfTwo);
                TVector first = TSimd.MultiplyAdd(TSimd.Load(r0 + x), four, TSimd.MultiplyAdd(d2, minusFive, d4));
                TVector sum = TSimd.Add(even, odd);
                TVector difference = TSimd.Subtract(even, odd);
                TVector sumOfTwo = TSimd.Add(evenOfTwo, oddOfTwo);
                TVector differenceOfTwo = TSimd.Subtract(evenOfTwo, oddOfTwo);
                TVector sixth = TSimd.MultiplyAdd(d1, four, TSimd.MultiplyAdd(d3, minusFive, TSimd.Load(r5 + x)));
                if (isShort)
                {
                    // What was read behind the row is to be its halo.
                    first = TSimd.MultiplyAdd(first, isPixel, default);
                    sum = TSimd.MultiplyAdd(sum, isPixel, default);
                    difference = TSimd.MultiplyAdd(difference, isPixel, default);
                    sumOfTwo = TSimd.MultiplyAdd(sumOfTwo, isPixel, default);
                    differenceOfTwo = TSimd.MultiplyAdd(differenceOfTwo, isPixel, default);
                    sixth = TSimd.MultiplyAdd(sixth, isPixel, default);
                }

                float* to = target + x;
                TSimd.Store(first, to);
                TSimd.Store(sum, to += part);
                TSimd.Store(difference, to += part);
                TSimd.Store(sumOfTwo, to += part);
                TSimd.Store(differenceOfTwo, to += part);
                TSimd.Store(sixth, to + part);
                if (x == last)
                {
                    break;
                }
            }

            target += band.Stride;
        }
    }

    // Aᵀ of the paper.
    private void TransformOutput(in ConvolutionCall call, int plane, Band band)
    {
        int channel = call.KeptOutputs.IsEmpty ? plane : (int)call.KeptOutputs[plane];
        TVector four = TSimd.Broadcast(4);
        TVector eight = TSimd.Broadcast(8);
        TVector scale = TSimd.Broadcast(call.Scales.IsEmpty ? call.Scale : call.Scales[plane]);
        TVector bias = TSimd.Broadcast(_convolution.Bias(channel));
        TVector floor = TSimd.Broadcast(call.HasRelu ? 0 : float.NegativeInfinity);
        nint stride = call.Output.Layout.RowStride;
        int last = Math.Max(0, _width - TSimd.Lanes);
        float* target = call.Output.Plane(plane);
        float* residual = call.Residual is null ? null : call.Residual.Plane(plane);
        float* source = band.Outputs[0].Plane(plane);
        nint part = band.OutputsApart;
        for (int group = 0; group < band.Rows; group++)
        {
            int row = WinogradWeights.OutputRows * (band.First + group);
            int rows = Math.Min(WinogradWeights.OutputRows, _height - row);
            for (int x = 0; ; x = Math.Min(x + TSimd.Lanes, last))
            {
                float* from = source + x;
                TVector zero = TSimd.Load(from);
                TVector one = TSimd.Load(from += part);
                TVector minusOne = TSimd.Load(from += part);
                TVector two = TSimd.Load(from += part);
                TVector minusTwo = TSimd.Load(from += part);
                TVector sum = TSimd.Add(TSimd.Add(one, minusOne), bias);
                TVector difference = TSimd.Add(TSimd.Subtract(one, minusOne), bias);
                TVector sumOfTwo = TSimd.Add(two, minusTwo);
                TVector differenceOfTwo = TSimd.Subtract(two, minusTwo);
                nint at = (row * stride) + x;
                Write(TSimd.Add(zero, TSimd.Add(sum, sumOfTwo)), scale, floor, residual, target, at);
                if (rows > 1)
                {
                    Write(TSimd.Add(difference, TSimd.Add(differenceOfTwo, differenceOfTwo)), scale, floor, residual, target, at += stride);
                }

                if (rows > 2)
                {
                    Write(TSimd.MultiplyAdd(sumOfTwo, four, sum), scale, floor, residual, target, at += stride);
                }

                if (rows > 3)
                {
                    Write(TSimd.MultiplyAdd(differenceOfTwo, eight, TSimd.Add(difference, TSimd.Load(from + part))), scale, floor, residual, target, at + stride);
                }

                if (x == last)
                {
                    break;
                }
            }

            source += band.Stride;
        }

        if (_width < TSimd.Lanes)
        {
            call.Output.Layout.ClearHalo(target);
            new Span<float>(target + ((_height - 1) * stride) + _width, TSimd.Lanes - _width).Clear();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(TVector value, TVector scale, TVector floor, float* residual, float* target, nint at)
    {
        TVector added = residual == null ? default : TSimd.Load(residual + at);
        TSimd.Store(TSimd.Max(floor, TSimd.MultiplyAdd(value, scale, added)), target + at);
    }

    // The row below the last is the halo; those below it are not there.
    private float* InputRow(float* plane, int row, int stride) =>
        row <= _height ? plane + (row * stride) : Address(_zeros);

    private static float* Address(float[] pinned) => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);

    /// <summary>Groups of rows that are convolved together, and where they are between the transforms.</summary>
    private sealed class Band
    {
        public Band(Convolution convolution, int first, int rows, int width, PlaneStore planes)
        {
            First = first;
            Rows = rows;
            PlaneBuffer[] Parts(string use, int channels)
            {
                // In one piece: buffers a power of two apart would compete for the same places in the first-level cache.
                PlaneBuffer all = planes.Buffer(use, WinogradWeights.InputRows * channels, rows, width, rowHalo: 0);
                return [.. Enumerable.Range(0, WinogradWeights.InputRows).Select(i => all.Part(i * channels, channels))];
            }

            Inputs = Parts("transformed input", convolution.Inputs);
            Outputs = Parts("transformed output", convolution.Outputs);
            Stride = Inputs[0].Layout.RowStride;
            InputsApart = (nint)convolution.Inputs * Inputs[0].Layout.PlaneStride;
            OutputsApart = (nint)convolution.Outputs * Outputs[0].Layout.PlaneStride;
            Terms = convolution.Winograd.Convolutions[0].Terms(Inputs[0].Layout);
        }

        /// <summary>The first group.</summary>
        public int First { get; }

        /// <summary>How many groups, each a row of the transformed planes.</summary>
        public int Rows { get; }

        /// <summary>Floats from one transformed row to the next.</summary>
        public int Stride { get; }

        /// <summary>Floats from a plane of one convolution's input to that of the next one's.</summary>
        public nint InputsApart { get; }

        /// <summary>Floats from a plane of one convolution's output to that of the next one's.</summary>
        public nint OutputsApart { get; }

        /// <summary>Planes of the transformed input, one buffer a convolution.</summary>
        public PlaneBuffer[] Inputs { get; }

        /// <summary>The planes that the convolutions write.</summary>
        public PlaneBuffer[] Outputs { get; }

        /// <summary>The terms of each convolution.</summary>
        public Term[] Terms { get; }
    }
}
