using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <summary>
/// L-Net or C-Net of one span: global average pool → linear → clamp to [0, 1], with effort as one more input of the linear layer.
/// </summary>
/// <remarks>
/// A naive gate of this form soon becomes constant. Here the linear layer is factored so that it cannot: its image-dependent part is
/// standardised over the batch (mean 0, variance 1 by construction), and the part that depends on effort only, the shift, is kept
/// within ±<c>bound</c>. Were the image-dependent part normal, a gate could be open for Φ(±bound) of the images at the extremes.
/// A gate that is not learned is open for every image. With the running statistics both parts fold into one linear layer, see <see cref="Fold"/>.
/// </remarks>
internal sealed class Gate : Module
{
    private const double MaxLogGain = 0.7;

    private readonly Linear _score;
    private readonly BatchNorm1d _standardise;
    private readonly Parameter _logGain;
    private readonly Parameter _shiftAtZero;
    private readonly Parameter _shiftAtOne;
    private readonly double _bound;
    private readonly int _outputs;
    private readonly bool _learned;

    public Gate(string name, int features, int outputs, double bound, double initialShift, bool learned)
        : base(name)
    {
        _bound = bound;
        _outputs = outputs;
        _learned = learned;
        _score = Linear(features, outputs, hasBias: false);
        _standardise = BatchNorm1d(outputs, momentum: 0.03, affine: false);
        double start = Math.Atanh(initialShift / bound);
        _logGain = new Parameter(zeros(outputs));
        _shiftAtZero = new Parameter(full(outputs, start));
        _shiftAtOne = new Parameter(full(outputs, start));
        RegisterComponents();
    }

    /// <summary>Decides a batch.</summary>
    /// <param name="pooled">Channel means of the activation that enters the span, [N, C].</param>
    /// <param name="effort">[N, 1], in (0, 1].</param>
    public Decision Decide(Tensor pooled, Tensor effort)
    {
        if (!_learned)
        {
            Tensor open = ones(pooled.shape[0], _outputs);
            return new Decision(open, open);
        }

        Tensor zero = _bound * tanh(_shiftAtZero);
        Tensor one = _bound * tanh(_shiftAtOne);
        Tensor margin = _standardise.call(_score.call(pooled)) + zero + ((one - zero) * effort);
        return new Decision((Gain() * margin).clamp(0, 1), margin);
    }

    // Left to itself the gain of an L-Net gate grew to 30: a step instead of a ramp, on which training is unstable and a rounding error of the
    // exported gate becomes one of the logits.
    private Tensor Gain() => exp(_logGain.clamp(-MaxLogGain, MaxLogGain));

    /// <summary>Shifts the gate so that it is open for a share of images, as far as standardised scores are normal.</summary>
    /// <param name="share">Within what the bound allows.</param>
    public void OpenFor(double share)
    {
        using var noGrad = no_grad();

        // The normal distribution's quantile.
        double shift = Math.Sqrt(2) * erfinv(tensor((2 * share) - 1)).ToDouble();
        _shiftAtZero.fill_(Math.Atanh(shift / _bound));
        _shiftAtOne.fill_(Math.Atanh(shift / _bound));
    }

    /// <summary>The linear layer that does the same at inference.</summary>
    /// <returns>The weight [outputs, C + 1], whose last column is that of effort, and the bias [outputs], detached.</returns>
    public (Tensor Weight, Tensor Bias) Fold()
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (!_learned)
        {
            return (zeros(_outputs, _score.weight!.shape[1] + 1).MoveToOuterDisposeScope(), ones(_outputs).MoveToOuterDisposeScope());
        }

        // In double precision: the score's mean is many deviations from 0, and what is left of the difference decides.
        Tensor gain = Gain().to_type(ScalarType.Float64);
        Tensor inverse = 1 / sqrt(_standardise.running_var!.to_type(ScalarType.Float64) + _standardise.eps);
        Tensor zero = _bound * tanh(_shiftAtZero.to_type(ScalarType.Float64));
        Tensor one = _bound * tanh(_shiftAtOne.to_type(ScalarType.Float64));
        Tensor weight = cat([_score.weight! * (gain * inverse).unsqueeze(1), (gain * (one - zero)).unsqueeze(1)], 1);
        Tensor bias = gain * (zero - (_standardise.running_mean! * inverse));
        return (weight.to_type(ScalarType.Float32).MoveToOuterDisposeScope(), bias.to_type(ScalarType.Float32).MoveToOuterDisposeScope());
    }
}

/// <summary>What a gate says of a batch.</summary>
/// <param name="Salience">[N, outputs] in [0, 1]; 0 skips, above 0 keeps and scales.</param>
/// <param name="Margin">[N, outputs]: how far the decision is from the other one, in standard deviations; above 0 keeps.</param>
internal sealed record Decision(Tensor Salience, Tensor Margin);
