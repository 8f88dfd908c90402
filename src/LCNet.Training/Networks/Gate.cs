using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <summary>
/// L-Net or C-Net of one span: global average pool → linear (→ ReLU → linear) → clamp to [0, 1]. It predicts what each block or channel is worth
/// for an image, its utility; what is worth more than the price of compute runs, scaled by how much more.
/// </summary>
/// <remarks>
/// Utilities are comparable within a network: logarithms of what is lost per FLOP where a part is skipped, in standard deviations. The price is one
/// number for all gates, so that FLOPs fall as it rises whatever the gates say. A gate that is not learned is open for every image.
/// </remarks>
internal sealed class Gate : Module
{
    // What is worth a quarter of a standard deviation more than the price counts in full: a flatter ramp would scale down most of what is kept.
    private const double Gain = 4;
    private const double Epsilon = 1e-5;

    private readonly Linear? _hidden;
    private readonly Linear _score;
    private readonly Tensor _mean;
    private readonly Tensor _variance;
    private readonly Tensor _fitted;
    private readonly int _outputs;
    private readonly bool _learned;

    /// <summary>Makes a gate that finds everything worth 0.</summary>
    /// <param name="features">Channels of the activation that enters the span.</param>
    /// <param name="hidden">Units of the hidden layer; 0 for none.</param>
    /// <param name="learned">Whether it decides; otherwise it is open.</param>
    public Gate(string name, int features, int hidden, int outputs, bool learned)
        : base(name)
    {
        _outputs = outputs;
        _learned = learned;
        _hidden = hidden > 0 ? Linear(features, hidden) : null;
        _score = Linear(hidden > 0 ? hidden : features, outputs);
        using (no_grad())
        {
            _score.weight!.fill_(0);
            _score.bias!.fill_(0);
        }

        _mean = zeros(features);
        _variance = ones(features);
        register_buffer("_mean", _mean);
        register_buffer("_variance", _variance);
        _fitted = zeros(1);
        register_buffer("_fitted", _fitted);
        RegisterComponents();
    }

    /// <summary>Whether it decides.</summary>
    public bool IsLearned => _learned;

    /// <summary>Decides a batch, without a gradient.</summary>
    /// <param name="pooled">Channel means of the activation that enters the span, [N, C].</param>
    /// <param name="price">[N, 1].</param>
    public Decision Decide(Tensor pooled, Tensor price)
    {
        using var noGrad = no_grad();
        if (!_learned)
        {
            Tensor open = ones(pooled.shape[0], _outputs);
            return new Decision(open, open * float.PositiveInfinity);
        }

        Tensor utility = Utility(pooled);
        return new Decision((Gain * (utility - price)).clamp(0, 1), utility);
    }

    /// <summary>What it finds blocks or channels worth, [N, outputs].</summary>
    /// <param name="pooled">[N, C].</param>
    public Tensor Utility(Tensor pooled) => _score.call(Features(pooled));

    /// <summary>Whether there is a hidden layer.</summary>
    public bool HasHidden => _hidden is not null;

    /// <summary>Takes the statistics of its input from images; the hidden layer of a gate that was never fitted becomes random.</summary>
    /// <param name="pooled">[N, C].</param>
    public void BeginFit(Tensor pooled)
    {
        using var noGrad = no_grad();
        _mean.copy_(pooled.mean([0]));
        _variance.copy_(pooled.var(0, unbiased: false));
        if (_hidden is not null && _fitted.ToSingle() == 0)
        {
            init.normal_(_hidden.weight!, 0, 1 / Math.Sqrt(pooled.shape[1]));
            init.uniform_(_hidden.bias!, -1, 1);
        }

        _fitted.fill_(1);
    }

    /// <summary>Takes over a gate that decides the same, or more.</summary>
    /// <param name="source">A gate of the same features and hidden layer.</param>
    /// <param name="outputs">Indices of its blocks or channels; null for all.</param>
    public void CopyFrom(Gate source, Tensor? outputs)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Dictionary<string, Tensor> own = state_dict();
        foreach ((string name, Tensor value) in source.state_dict())
        {
            bool isOfOutputs = outputs is not null && name.StartsWith(nameof(_score), StringComparison.Ordinal);
            own[name].copy_(isOfOutputs ? value.index_select(0, outputs!) : value);
        }
    }

    /// <summary>What the score reads: [N, hidden], or the standardised input [N, C] of a gate without a hidden layer.</summary>
    /// <param name="pooled">[N, C].</param>
    public Tensor Features(Tensor pooled)
    {
        Tensor standardised = (pooled - _mean) / sqrt(_variance + Epsilon);
        return _hidden is null ? standardised : functional.relu(_hidden.call(standardised));
    }

    /// <summary>Sets what the score makes of its features.</summary>
    /// <param name="weight">[outputs, features].</param>
    /// <param name="bias">[outputs].</param>
    public void SetScore(Tensor weight, Tensor bias)
    {
        using var noGrad = no_grad();
        _score.weight!.copy_(weight);
        _score.bias!.copy_(bias);
    }

    /// <summary>Makes utilities random functions of the input that are above a price of 0 for about a share of inputs like these, as far as they are normal.</summary>
    /// <param name="pooled">[N, C].</param>
    /// <param name="share">In (0, 1).</param>
    public void BeginAtRandom(Tensor pooled, double share)
    {
        using var noGrad = no_grad();
        BeginFit(pooled);
        Tensor features = Features(pooled);
        Tensor weight = randn(_outputs, features.shape[1]);
        Tensor scores = mm(features, weight.t());
        Tensor deviation = scores.std(0).clamp_min(Epsilon);

        // The normal distribution's quantile.
        double shift = Math.Sqrt(2) * erfinv(tensor((2 * share) - 1)).ToDouble();
        SetScore(weight / deviation.unsqueeze(1), shift - (scores.mean([0]) / deviation));
    }

    /// <summary>The linear layers that do the same at inference, with the price as one more input of the first and of the second.</summary>
    /// <returns>
    /// The hidden layer's weight [hidden + 1, C + 1] and bias, null where there is none, whose last unit passes on the price, which must not be
    /// negative; and the score's weight [outputs, hidden + 1 or C + 1] and bias. Detached.
    /// </returns>
    public (Tensor? HiddenWeight, Tensor? HiddenBias, Tensor Weight, Tensor Bias) Fold(double offset)
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (!_learned)
        {
            return (null, null, zeros(_outputs, _mean.shape[0] + 1).MoveToOuterDisposeScope(), ones(_outputs).MoveToOuterDisposeScope());
        }

        // In double precision: means are many deviations from 0, and what is left of the difference decides.
        Tensor inverse = 1 / sqrt(_variance.to_type(ScalarType.Float64) + Epsilon);
        Linear first = _hidden ?? _score;
        Tensor firstWeight = first.weight!.to_type(ScalarType.Float64) * inverse;
        Tensor firstBias = first.bias!.to_type(ScalarType.Float64) - mv(firstWeight, _mean.to_type(ScalarType.Float64));
        if (_hidden is null)
        {
            return (null, null, Priced(firstWeight), Single(Gain * (firstBias + offset)));
        }

        Tensor passing = zeros(1, firstWeight.shape[1] + 1, ScalarType.Float64);
        passing[0, -1] = 1.0;
        Tensor hiddenWeight = cat([cat([firstWeight, zeros(firstWeight.shape[0], 1, ScalarType.Float64)], 1), passing], 0);
        Tensor hiddenBias = cat([firstBias, zeros(1, ScalarType.Float64)], 0);
        return (
            Single(hiddenWeight),
            Single(hiddenBias),
            Priced(_score.weight!.to_type(ScalarType.Float64)),
            Single(Gain * (_score.bias!.to_type(ScalarType.Float64) + offset)));
    }

    private static Tensor Single(Tensor tensor) => tensor.to_type(ScalarType.Float32).MoveToOuterDisposeScope();

    private static Tensor Priced(Tensor weight) => Single(Gain * cat([weight, -ones(weight.shape[0], 1, ScalarType.Float64)], 1));
}

/// <summary>What a gate says of a batch.</summary>
/// <param name="Salience">[N, outputs] in [0, 1]; 0 skips, above 0 keeps and scales.</param>
/// <param name="Utility">[N, outputs]: above the price it keeps.</param>
internal sealed record Decision(Tensor Salience, Tensor Utility);
