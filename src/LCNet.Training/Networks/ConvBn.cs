using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <summary>A convolution without bias and the batch norm behind it.</summary>
internal sealed class ConvBn : Module<Tensor, Tensor>
{
    private readonly Conv2d _conv;
    private readonly BatchNorm2d _norm;

    public ConvBn(string name, int input, int output, int kernel, int stride = 1)
        : base(name)
    {
        _conv = Conv2d(input, output, kernel, stride: stride, padding: kernel / 2, bias: false);
        _norm = BatchNorm2d(output);
        init.kaiming_normal_(_conv.weight!, mode: init.FanInOut.FanOut, nonlinearity: init.NonlinearityType.ReLU);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => _norm.call(_conv.call(input));

    /// <summary>The one convolution that does the same at inference: w·γ/√(σ²+ε) and β − μ·γ/√(σ²+ε).</summary>
    /// <returns>The weight [output, input, kernel, kernel] and the bias [output], detached.</returns>
    public (Tensor Weight, Tensor Bias) Fold()
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor scale = _norm.weight! / sqrt(_norm.running_var!.to_type(ScalarType.Float64) + _norm.eps);
        Tensor weight = _conv.weight! * scale.reshape(-1, 1, 1, 1);
        Tensor bias = _norm.bias! - (_norm.running_mean! * scale);
        return (weight.to_type(ScalarType.Float32).MoveToOuterDisposeScope(), bias.to_type(ScalarType.Float32).MoveToOuterDisposeScope());
    }
}
