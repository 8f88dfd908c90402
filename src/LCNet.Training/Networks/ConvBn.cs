using LCNet.Training.Import;
using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <summary>A convolution without bias and the batch norm behind it.</summary>
internal sealed class ConvBn : Module<Tensor, Tensor>
{
    // Keeps the filters of components that hardly vary from being all gain.
    private const double Regularisation = 1e-2;
    private const double LeastVariance = 1e-2;

    private readonly Conv2d _conv;
    private readonly BatchNorm2d _norm;
    private Moments? _moments;

    public ConvBn(string name, int input, int output, int kernel, int stride = 1)
        : base(name)
    {
        _conv = Conv2d(input, output, kernel, stride: stride, padding: kernel / 2, bias: false);
        _norm = BatchNorm2d(output);
        (Kernel, Stride) = (kernel, stride);
        init.kaiming_normal_(_conv.weight!, mode: init.FanInOut.FanOut, nonlinearity: init.NonlinearityType.ReLU);
        RegisterComponents();
    }

    /// <summary>Height and width of the filters, odd; the input is padded by half of it on every side.</summary>
    public int Kernel { get; }

    public int Stride { get; }

    /// <summary>Computes in the type of its input; batch norm keeps its statistics in float32.</summary>
    public override Tensor forward(Tensor input)
    {
        Tensor output = functional.conv2d(input, _conv.weight!.to_type(input.dtype), null, [Stride, Stride], [Kernel / 2, Kernel / 2]);
        _moments?.Add(output);
        return _norm.call(output);
    }

    /// <summary>Takes over weights of another tool.</summary>
    /// <param name="weight">[output, input, kernel, kernel].</param>
    /// <param name="norm">Batch norm; null where it is folded into the weights, so that it must change nothing.</param>
    /// <param name="bias">Of the convolution, [output]; null for none.</param>
    public void Load(Tensor weight, ImportedNorm? norm, ImportedTensor? bias)
    {
        using var noGrad = no_grad();
        _conv.weight!.copy_(weight);
        Tensor shift = bias?.ToTensor() ?? zeros(weight.shape[0]);
        if (norm is null)
        {
            LoadFolded(shift);
            return;
        }

        // A bias in front of batch norm moves the mean that is subtracted.
        _norm.weight!.copy_(norm.Weight.ToTensor());
        _norm.bias!.copy_(norm.Bias.ToTensor());
        _norm.running_mean!.copy_(norm.Mean.ToTensor() - shift);
        _norm.running_var!.copy_((norm.Variance.ToTensor() + (norm.Epsilon - _norm.eps)).clamp_min(0));
    }

    /// <summary>From now on takes down what the convolution gives, until <see cref="EndMeasuring"/>.</summary>
    public void BeginMeasuring() => _moments = new Moments(_conv.weight!.shape[0]);

    /// <summary>
    /// Takes over mean and variance of what was measured as batch norm's statistics, and scales each filter so that it gives a variance of 1. Scale and shift make up for both:
    /// in evaluation mode the layer computes what it did.
    /// </summary>
    public void EndMeasuring()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        (Tensor mean, Tensor variance) = _moments!.Read();
        _moments.Dispose();
        _moments = null;

        // What the layer does now is gain · convolution + shift.
        Tensor gain = _norm.weight! / sqrt(_norm.running_var!.to_type(ScalarType.Float64) + _norm.eps);
        Tensor shift = _norm.bias! - (_norm.running_mean! * gain);

        // A filter that gives next to nothing is not blown up to what the others give.
        Tensor scale = rsqrt(variance.clamp_min(Math.Max(LeastVariance * variance.mean().ToDouble(), double.Epsilon)));
        _conv.weight!.mul_(scale.reshape(-1, 1, 1, 1).to_type(ScalarType.Float32));
        Tensor ownVariance = variance * scale * scale;
        _norm.running_mean!.copy_(mean * scale);
        _norm.running_var!.copy_(ownVariance);
        _norm.weight!.copy_(gain / scale * sqrt(ownVariance + _norm.eps));
        _norm.bias!.copy_(shift + (gain * mean));
    }

    /// <summary>Multiplies what the filters read of each input channel.</summary>
    /// <param name="factors">A factor a channel.</param>
    public void ScaleInputs(IReadOnlyList<float> factors)
    {
        using var noGrad = no_grad();
        using Tensor factor = tensor(factors.ToArray()).reshape(1, -1, 1, 1);
        _conv.weight!.mul_(factor);
    }

    /// <summary>Takes over what another layer has for some channels.</summary>
    /// <param name="source">A layer of the same kernel.</param>
    /// <param name="outputs">Indices of its outputs; null for all.</param>
    /// <param name="inputs">Indices of its inputs; null for all.</param>
    public void CopyFrom(ConvBn source, Tensor? outputs, Tensor? inputs)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor Of(Tensor tensor, long axis, Tensor? indices) => indices is null ? tensor : tensor.index_select(axis, indices);
        _conv.weight!.copy_(Of(Of(source._conv.weight!, 0, outputs), 1, inputs));
        _norm.weight!.copy_(Of(source._norm.weight!, 0, outputs));
        _norm.bias!.copy_(Of(source._norm.bias!, 0, outputs));
        _norm.running_mean!.copy_(Of(source._norm.running_mean!, 0, outputs));
        _norm.running_var!.copy_(Of(source._norm.running_var!, 0, outputs));
    }

    /// <summary>Folds batch norm into the filters and rounds them to half precision, as they are stored; batch norm adds the bias and nothing else after that.</summary>
    public void RoundToHalf()
    {
        using var noGrad = no_grad();
        (Tensor weight, Tensor bias) = Fold();
        _conv.weight!.copy_(weight.to_type(ScalarType.Float16));
        LoadFolded(bias);
        weight.Dispose();
        bias.Dispose();
    }

    /// <summary>Makes the layer give 0 until it has learned otherwise: batch norm's scale becomes 0 (Goyal et al. 2017, for the last one of a residual branch).</summary>
    public void BeginAtZero()
    {
        using var noGrad = no_grad();
        _norm.weight!.fill_(0);
    }

    /// <summary>
    /// Makes the filters the principal components of patches, each over its deviation and with both signs, for a ReLU follows. Where there are
    /// more filters than that, the others stay random.
    /// </summary>
    /// <param name="patches">[N, inputs × kernel × kernel] values of patches, laid out as the weights of one filter.</param>
    public void BeginAsComponentsOf(Tensor patches)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor centred = patches - patches.mean([0], keepdim: true);
        (Tensor variances, Tensor components) = linalg.eigh(mm(centred.t(), centred) / patches.shape[0]);
        long filters = Math.Min(_conv.weight!.shape[0], 2 * variances.shape[0]);
        for (long i = 0; i < filters; i++)
        {
            // Ascending, so the largest come last.
            long component = variances.shape[0] - 1 - (i / 2);
            Tensor filter = components.select(1, component) / sqrt(variances[component] + Regularisation);
            _conv.weight.select(0, i).copy_((i % 2 == 0 ? filter : -filter).reshape(_conv.weight.shape[1..]));
        }
    }

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

    // Batch norm that adds a bias and changes nothing else.
    private void LoadFolded(Tensor bias)
    {
        _norm.weight!.fill_(1);
        _norm.bias!.copy_(bias);
        _norm.running_mean!.fill_(0);
        _norm.running_var!.fill_(1 - _norm.eps);
    }

    // Sums over images and places, in float64.
    private sealed class Moments(long channels) : IDisposable
    {
        private readonly Tensor _sum = zeros(channels, dtype: ScalarType.Float64).DetachFromDisposeScope();
        private readonly Tensor _square = zeros(channels, dtype: ScalarType.Float64).DetachFromDisposeScope();
        private long _count;

        public void Add(Tensor x)
        {
            using var scope = NewDisposeScope();
            Tensor exact = x.detach().to_type(ScalarType.Float64);
            _sum.add_(exact.sum([0L, 2, 3]));
            _square.add_(exact.square().sum([0L, 2, 3]));
            _count += x.shape[0] * x.shape[2] * x.shape[3];
        }

        public (Tensor Mean, Tensor Variance) Read()
        {
            Tensor mean = _sum / _count;
            return (mean, ((_square / _count) - mean.square()).clamp_min(0));
        }

        public void Dispose()
        {
            _sum.Dispose();
            _square.Dispose();
        }
    }
}
