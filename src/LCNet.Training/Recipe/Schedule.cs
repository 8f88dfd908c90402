namespace LCNet.Training.Recipe;

/// <summary>What changes over a training: learning rate, resolution and FLOPs budget, as functions of the step.</summary>
internal sealed class Schedule(TrainingOptions options, int stepsPerEpoch)
{
    private const double WarmUp = 0.15;

    // The budget tightens from what untrained gates cost down to its target over this share of the gated phase: slowly, or gates collapse.
    private const double TighteningShare = 0.6;
    private const double UntrainedShare = 0.9;

    private readonly int _total = options.Epochs * stepsPerEpoch;
    private readonly int _dense = options.DenseEpochs * stepsPerEpoch;

    public double LearningRate(int step)
    {
        double progress = (step + 1.0) / _total;
        return options.LearningRate * (progress < WarmUp ? progress / WarmUp : (1 - progress) / (1 - WarmUp));
    }

    public double TargetShare(int step, double effort)
    {
        double tightened = Math.Clamp((step - _dense) / (TighteningShare * (_total - _dense)), 0, 1);
        return ((1 - tightened) * UntrainedShare) + (tightened * options.Budget * effort);
    }

    public int Resolution(int epoch)
    {
        double progress = (double)epoch / options.Epochs;
        int quarter = options.InputSize / 4;
        return !options.ProgressiveResize || progress >= 0.65 ? options.InputSize : progress >= 0.4 ? 3 * quarter : 2 * quarter;
    }
}
