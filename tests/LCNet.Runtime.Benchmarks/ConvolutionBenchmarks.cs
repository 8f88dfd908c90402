using System.Runtime.Intrinsics;
using LCNet.Runtime.Execution.Simd;
using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Benchmarks;

/// <summary>One convolution on one thread, with a residual and a ReLU, in the way that a block would run it, and directly where that is another way.</summary>
public class ConvolutionBenchmarks
{
    private Action _layer = () => { };
    private Action _direct = () => { };

    /// <summary>The shape measured.</summary>
    [ParamsSource(nameof(Shapes))]
    public ConvolutionShape Shape { get; set; } = new(1, 1, 1, 1, 1, 1);

    /// <summary>Shapes of ResNets for CIFAR-10 and ImageNet.</summary>
    public static IEnumerable<ConvolutionShape> Shapes()
    {
        (int Inputs, int Outputs, int Kernel, int Stride, int Size)[] shapes =
        [
            (32, 32, 3, 1, 32), (64, 64, 3, 1, 16), (128, 128, 3, 1, 8), (32, 64, 3, 2, 16), (64, 64, 3, 1, 56), (256, 256, 3, 1, 14), (512, 512, 3, 1, 7),
            (64, 256, 1, 1, 56), (256, 64, 1, 1, 56), (512, 2048, 1, 1, 7),
        ];
        return shapes.SelectMany(shape => new[] { 1, 0.5 }.Select(kept => new ConvolutionShape(shape.Inputs, shape.Outputs, shape.Kernel, shape.Stride, shape.Size, kept)));
    }

    /// <summary>Makes weights and pixels of random numbers.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        if (Vector512.IsHardwareAccelerated)
        {
            SetUp<Simd512, Vector512<float>>();
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            SetUp<Simd256, Vector256<float>>();
        }
        else
        {
            SetUp<Simd128, Vector128<float>>();
        }
    }

    /// <summary>As a block runs it.</summary>
    [Benchmark]
    public void Layer() => _layer();

    /// <summary>Directly, without Winograd's algorithm.</summary>
    [Benchmark]
    public void Direct() => _direct();

    private void SetUp<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var random = new Random(1);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        ConvolutionShape shape = Shape;
        var planes = new PlaneStore(TSimd.Lanes);
        var convolution = new Convolution(
            Numbers(shape.Outputs * shape.Inputs * shape.Kernel * shape.Kernel), Numbers(shape.Outputs), shape.Outputs, shape.Inputs, shape.Kernel, shape.Stride);
        int phases = shape.Stride == 1 ? 1 : 4;
        PlaneBuffer input = planes.Buffer("input", phases * shape.Inputs, shape.Size, shape.Size);
        PlaneBuffer output = planes.Buffer("output", shape.Outputs, shape.Size, shape.Size);
        PlaneBuffer residual = planes.Buffer("residual", shape.Outputs, shape.Size, shape.Size);
        input.CopyFrom(Numbers(input.Planes * shape.Size * shape.Size));
        residual.CopyFrom(Numbers(residual.Planes * shape.Size * shape.Size));
        var runner = new ConvolutionRunner<TSimd, TVector>(shape.Inputs * convolution.Taps, shape.Outputs);
        var layer = new ConvolutionLayer<TSimd, TVector>(convolution, output.Layout, planes, runner);
        Term[] terms = convolution.Terms(output.Layout);
        long[] kept = shape.KeptOutputs();
        _layer = () => layer.Run(new ConvolutionCall { Input = input, Output = output, KeptOutputs = kept, Residual = residual, HasRelu = true });
        _direct = () => runner.Run(convolution, terms, new ConvolutionCall { Input = input, Output = output, KeptOutputs = kept, Residual = residual, HasRelu = true });
    }
}
