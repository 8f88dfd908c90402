using System.Runtime.Intrinsics;
using LCNet.Runtime.Execution.Simd;
using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Tests.Execution.Simd;

/// <summary>Convolutions against their definition, summed in double precision pixel by pixel.</summary>
public class ConvolutionRunnerTests
{
    private static readonly Gen<Case> Cases =
        Gen.Select(
            Gen.Bool, Gen.Int[1, 2], Gen.Int[1, 20], Gen.Int[1, 20], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Double[0, 1], Gen.Bool, Gen.Int[0, int.MaxValue - 1],
            (wide, stride, height, width, inputs, outputs, open, relu, seed) => new Case(wide ? 3 : 1, stride, height, width, inputs, outputs, open, relu, seed));

    // Small planes, of which some lie flat, and more inputs than are packed at a time.
    private static readonly Gen<Case> SmallCases =
        Gen.Select(
            Gen.Bool, Gen.Int[1, 2], Gen.Int[1, 16], Gen.Int[0, 3], Gen.Bool, Gen.Int[1, 240], Gen.Int[1, 20], Gen.Double[0.5, 1], Gen.Int[0, int.MaxValue - 1],
            (wide, stride, height, width, odd, inputs, outputs, open, seed) => new Case(
                wide ? 3 : 1, stride, (stride * height) - (odd ? stride - 1 : 0), (stride << width) - (odd ? stride - 1 : 0), inputs, outputs, open, odd, seed));

    // Rows that are and are not whole groups of four, planes of one band and of several.
    private static readonly Gen<Case> WinogradCases =
        Gen.Select(
            Gen.Int[1, 40], Gen.Int[4, 40], Gen.Int[1, 32], Gen.Int[1, 32], Gen.Double[0, 1], Gen.Bool, Gen.Int[0, int.MaxValue - 1],
            (height, width, inputs, outputs, open, relu, seed) => new Case(3, 1, height, width, inputs, outputs, open, relu, seed));

    private static readonly Gen<Case> FlatWinogradCases =
        Gen.Select(
            Gen.Int[1, 40], Gen.Int[1, 40], Gen.Double[0, 1], Gen.Bool, Gen.Int[0, int.MaxValue - 1],
            (inputs, outputs, open, relu, seed) => new Case(3, 1, 8, 8, inputs, outputs, open, relu, seed));

    private enum Algorithm
    {
        Direct,
        Winograd,
        FlatWinograd,
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Run_AnyShapeAndChannels_EqualsTheDefinition(int lanes) => Cases.Sample(shape => AssertEqualsDefinition(shape, lanes, Algorithm.Direct), iter: 150, threads: 1);

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Run_SmallPlanes_EqualsTheDefinition(int lanes) => SmallCases.Sample(shape => AssertEqualsDefinition(shape, lanes, Algorithm.Direct), iter: 200, threads: 1);

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void WinogradRunner_AnyShapeAndChannels_EqualsTheDefinition(int lanes) => WinogradCases.Where(shape => 4 * shape.Width >= 3 * lanes && !PlaneLayout.IsBetterFlat(shape.Height, shape.Width, lanes)).Sample(
        shape => AssertEqualsDefinition(shape, lanes, Algorithm.Winograd), iter: 60, threads: 1);

    [Fact]
    public void FlatWinogradRunner_AnyChannels_EqualsTheDefinition() => FlatWinogradCases.Sample(
        shape => AssertEqualsDefinition(shape, Simd512.Lanes, Algorithm.FlatWinograd), iter: 120, threads: 1);

    private static void AssertEqualsDefinition(Case shape, int lanes, Algorithm algorithm)
    {
        float[][] actual = lanes switch
        {
            4 => Run<Simd128, Vector128<float>>(shape, algorithm),
            8 => Run<Simd256, Vector256<float>>(shape, algorithm),
            _ => Run<Simd512, Vector512<float>>(shape, algorithm),
        };
        double[][] expected = Define(shape);
        Assert.Equal(expected.Length, actual.Length);
        for (int channel = 0; channel < expected.Length; channel++)
        {
            Assert.All(expected[channel].Zip(actual[channel]), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * (1 + Math.Abs(pair.First))));
        }
    }

    // Every buffer is used twice with different data: what is left of the first image must not be seen by the second.
    private static float[][] Run<TSimd, TVector>(Case shape, Algorithm algorithm)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var planes = new PlaneStore(TSimd.Lanes);
        var convolution = new Convolution(shape.Weights, shape.Bias, shape.Outputs, shape.Inputs, shape.Kernel, shape.Stride);
        int present = shape.KeptInputs.Length;
        PlaneBuffer input = planes.Buffer("input", present, shape.Height, shape.Width);
        PlaneBuffer phases = planes.Buffer("phases", (shape.Kernel == 1 ? 1 : 4) * present, shape.OutputHeight, shape.OutputWidth);
        PlaneBuffer output = planes.Buffer("output", shape.KeptOutputs.Length, shape.OutputHeight, shape.OutputWidth);
        PlaneBuffer read = shape.Stride == 1 ? input : phases;
        var runner = new ConvolutionRunner<TSimd, TVector>(shape.Inputs * convolution.Taps, shape.Outputs);
        Term[] terms = convolution.Terms(read.Layout, shape.Kernel == 1 ? 1 : 4);
        WinogradRunner<TSimd, TVector>? winograd = algorithm == Algorithm.Winograd ? new WinogradRunner<TSimd, TVector>(convolution, read.Layout, planes, runner) : null;
        FlatWinogradRunner? flatWinograd = algorithm == Algorithm.FlatWinograd ? new FlatWinogradRunner(convolution) : null;
        Assert.True(flatWinograd is null || FlatWinogradRunner.Serves(convolution, read.Layout, TSimd.Lanes));
        bool canRunInPlace = flatWinograd is not null || (winograd?.CanRunInPlace ?? ConvolutionRunner<TSimd, TVector>.CanRunInPlace(convolution, read.Layout));
        bool isInPlace = canRunInPlace && shape.KeptOutputs.Length == shape.Outputs;
        PlaneBuffer residual = isInPlace ? output : planes.Buffer("residual", shape.KeptOutputs.Length, shape.OutputHeight, shape.OutputWidth);
        float[][] result = [.. shape.KeptOutputs.Select(_ => new float[shape.OutputHeight * shape.OutputWidth])];
        foreach (float factor in new[] { -3f, 1f })
        {
            input.CopyFrom([.. shape.Input.Select(value => factor * value)]);
            residual.CopyFrom([.. shape.Residual.Select(value => factor * value)]);
            if (shape.Stride == 2)
            {
                input.Split(phases, present);
            }

            var call = new ConvolutionCall
            {
                Input = read,
                Output = output,
                KeptInputs = present == shape.Inputs ? default : shape.KeptInputs,
                KeptOutputs = shape.KeptOutputs.Length == shape.Outputs ? default : shape.KeptOutputs,
                Scales = shape.Scales,
                Residual = residual,
                HasRelu = shape.Relu,
            };
            if (winograd is not null)
            {
                winograd.Run(call);
            }
            else if (flatWinograd is not null)
            {
                flatWinograd.Run(call);
            }
            else
            {
                runner.Run(convolution, terms, call);
            }
        }

        for (int channel = 0; channel < result.Length; channel++)
        {
            output.CopyTo(channel, result[channel]);
        }

        AssertHalosAreZero(output);
        float[] means = new float[result.Length];
        output.Means<TSimd, TVector>(means);
        Assert.All(means.Zip(result), pair => Assert.Equal(pair.Second.Average(), pair.First, 1e-4f));
        return result;
    }

    private static unsafe void AssertHalosAreZero(PlaneBuffer buffer)
    {
        PlaneLayout layout = buffer.Layout;
        for (int plane = 0; plane < buffer.Planes && !layout.IsFlat; plane++)
        {
            float* start = buffer.Start + (plane * layout.PlaneStride);
            for (int at = 0; at < layout.PlaneStride; at++)
            {
                int row = (at - layout.Lead) / layout.RowStride;
                bool isPixel = at >= layout.Lead && row < layout.Height && (at - layout.Lead) % layout.RowStride < layout.Width;
                Assert.True(isPixel || start[at] == 0, $"plane {plane} holds {start[at]} at {at}");
            }
        }
    }

    private static double[][] Define(Case shape) => [.. shape.KeptOutputs.Select((output, place) =>
    {
        double[] map = new double[shape.OutputHeight * shape.OutputWidth];
        for (int i = 0; i < map.Length; i++)
        {
            double sum = shape.Bias[output];
            for (int input = 0; input < shape.KeptInputs.Length; input++)
            {
                for (int tap = 0; tap < shape.Kernel * shape.Kernel; tap++)
                {
                    int y = (i / shape.OutputWidth * shape.Stride) + (tap / shape.Kernel) - (shape.Kernel / 2);
                    int x = (i % shape.OutputWidth * shape.Stride) + (tap % shape.Kernel) - (shape.Kernel / 2);
                    if (y >= 0 && y < shape.Height && x >= 0 && x < shape.Width)
                    {
                        double weight = shape.Weights[(((output * shape.Inputs) + shape.KeptInputs[input]) * shape.Kernel * shape.Kernel) + tap];
                        sum += weight * shape.Input[(((input * shape.Height) + y) * shape.Width) + x];
                    }
                }
            }

            double value = (sum * shape.Scales[place]) + shape.Residual[(place * map.Length) + i];
            map[i] = shape.Relu ? Math.Max(0, value) : value;
        }

        return map;
    })];

    private sealed record Case
    {
        public Case(int kernel, int stride, int height, int width, int inputs, int outputs, double open, bool relu, int seed)
        {
            (Kernel, Stride, Height, Width, Inputs, Outputs, Relu) = (kernel, stride, height, width, inputs, outputs, relu);
            var random = new Random(seed);
            KeptInputs = Keep(random, inputs, open);
            KeptOutputs = Keep(random, outputs, open);
            Weights = Values(random, outputs * inputs * kernel * kernel);
            Bias = Values(random, outputs);
            Input = Values(random, KeptInputs.Length * height * width);
            Residual = Values(random, KeptOutputs.Length * OutputHeight * OutputWidth);
            Scales = Values(random, KeptOutputs.Length);
        }

        public int Kernel { get; }

        public int Stride { get; }

        public int Height { get; }

        public int Width { get; }

        public int Inputs { get; }

        public int Outputs { get; }

        public bool Relu { get; }

        public int OutputHeight => (Height + Stride - 1) / Stride;

        public int OutputWidth => (Width + Stride - 1) / Stride;

        public long[] KeptInputs { get; }

        public long[] KeptOutputs { get; }

        public float[] Weights { get; }

        public float[] Bias { get; }

        public float[] Input { get; }

        public float[] Residual { get; }

        public float[] Scales { get; }

        private static long[] Keep(Random random, int count, double open)
        {
            long[] kept = [.. Enumerable.Range(0, count).Where(_ => random.NextDouble() < open).Select(channel => (long)channel)];
            return kept.Length > 0 ? kept : [random.Next(count)];
        }

        private static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (2 * random.NextSingle()) - 1)];
    }
}
