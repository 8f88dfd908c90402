namespace LCNet.Training.Recipe;

/// <summary>What changes over a training: learning rate, resolution and FLOPs budget, as functions of the step.</summary>
internal sealed class Schedule(TrainingOptions options, int stepsPerEpoch)
{
    private const double TighteningShare = 0.6;

    private readonly int _total = options.Epochs * stepsPerEpoch;
    private readonly int _dense = options.DenseEpochs * stepsPerEpoch;

    public double LearningRate(int step)
    {
        double progress = (step + 1.0) / _total;
        return options.LearningRate * (progress < options.WarmUp ? progress / options.WarmUp : (1 - progress) / (1 - options.WarmUp));
    }

    public double TargetShare(int step, double effort)
    {
        double tightened = Math.Clamp((step - _dense) / (TighteningShare * (_total - _dense)), 0, 1);
        return ((1 - tightened) * options.StartShare) + (tightened * options.Budget * effort);
    }

    public int Resolution(int epoch)
    {
        double progress = (double)epoch / options.Epochs;
        int quarter = options.InputSize / 4;
        return progress < options.HalfSizeUntil ? 2 * quarter : progress < options.ReducedUntil ? 3 * quarter : options.InputSize;
    }
}
