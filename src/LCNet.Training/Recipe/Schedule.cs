namespace LCNet.Training.Recipe;

/// <summary>What changes over a training: learning rate and FLOPs budget, as functions of the step.</summary>
internal sealed class Schedule(TrainingOptions options, int stepsPerEpoch)
{
    private readonly int _total = options.Epochs * stepsPerEpoch;
    private readonly int _dense = options.DenseEpochs * stepsPerEpoch;

    public double LearningRate(int step)
    {
        double progress = (step + 1.0) / _total;
        return options.LearningRate * (progress < options.WarmUp ? progress / options.WarmUp : (1 - progress) / (1 - options.WarmUp));
    }

    public double TargetShare(int step, double effort)
    {
        double tightened = Math.Clamp((step - _dense) / (options.Tightening * (_total - _dense)), 0, 1);
        return (1 - tightened) + (tightened * options.Budget * effort);
    }
}
