using LCNet.Training.Data;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Recipe;

/// <summary>
/// Trains an LC-Net: a dense phase as warm start, then gates under a budget that tightens slowly. Five eighths of every gated batch run at
/// effort 1, a quarter at a random effort of the upper half of the range, an eighth at one of the lower half.
/// </summary>
/// <remarks>
/// All randomness derives from the seed and the epoch, so a run that is interrupted and resumed from its checkpoint ends with the same
/// weights as one that was not (on the same machine, with the same number of threads). Not thread-safe.
/// </remarks>
public sealed class Trainer
{
    private const double Momentum = 0.9;
    private const double MaxGradientNorm = 5;

    // A gate that is open for nearly all images learns from few of them.
    private const double MaxOpenShare = 0.95;
    private readonly ImageSet _images;
    private readonly TrainingOptions _options;
    private readonly string _checkpoint;
    private readonly LcNet? _initial;
    private readonly LcNet? _teacher;

    /// <summary>Prepares a training.</summary>
    /// <param name="images">All images; the trainer takes the validation split from them.</param>
    /// <param name="options">The recipe.</param>
    /// <param name="folder">Where <c>checkpoint.zip</c> is written after every epoch.</param>
    /// <param name="initial">
    /// A network of the same backbone whose weights training starts from, those of its gates too where they have the same span; null for random ones.
    /// It is only read.
    /// </param>
    /// <param name="teacher">A network for the same classes whose dense outputs training learns from; null for none. Put into evaluation mode.</param>
    /// <exception cref="ArgumentException">
    /// The recipe has a value out of range, and the message names all of them; or the images or a network do not fit the recipe.
    /// </exception>
    public Trainer(ImageSet images, TrainingOptions options, string folder, LcNet? initial = null, LcNet? teacher = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<string> problems = options.Validate();
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", problems), nameof(options));
        }

        if (images.Size != options.InputSize)
        {
            throw new ArgumentException($"The images have {images.Size} pixels, the recipe asks for {options.InputSize}.", nameof(images));
        }

        if (initial is not null && !initial.Spec.HasBackboneOf(options.Architecture(images.Classes.Count)))
        {
            throw new ArgumentException("The initial network has another backbone than the recipe.", nameof(initial));
        }

        if (teacher is not null && teacher.Spec.Classes != images.Classes.Count)
        {
            throw new ArgumentException($"The teacher knows {teacher.Spec.Classes} classes, the images have {images.Classes.Count}.", nameof(teacher));
        }

        _images = images;
        _options = options;
        _initial = initial;
        _teacher = teacher;
        Directory.CreateDirectory(folder);
        _checkpoint = Path.Combine(folder, "checkpoint.zip");
        Split = Split.ByContent(images, options.ValidationFraction);
        Normalisation = Normalisation.Of(images.Take(Split.Training));
        if (Split.Training.Count < options.BatchSize)
        {
            throw new ArgumentException($"{Split.Training.Count} training images are fewer than a batch of {options.BatchSize}.", nameof(images));
        }
    }

    /// <summary>Which images are trained on and which are not.</summary>
    public Split Split { get; }

    /// <summary>Mean and deviation of the training images.</summary>
    public Normalisation Normalisation { get; }

    /// <summary>Trains to the end and returns the network in evaluation mode.</summary>
    /// <param name="resume">Whether to go on from the checkpoint in the folder, where there is one.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="epochDone">Told after every epoch how the network does on the validation images at effort 1 (dense in the dense phase).</param>
    /// <param name="cancellation">Stops between two steps; the last epoch's checkpoint stays.</param>
    /// <exception cref="InvalidDataException">The checkpoint was written by another recipe or for other images.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public LcNet Run(bool resume, Action<TrainingProgress>? progress, Action<int, Evaluation>? epochDone, CancellationToken cancellation)
    {
        manual_seed(_options.Seed);
        var network = new LcNet(_options.Architecture(_images.Classes.Count));
        _teacher?.eval();
        OpenGates(network);
        if (_initial is not null)
        {
            network.CopyFrom(_initial);
        }

        (IReadOnlyList<Parameter> decayed, IReadOnlyList<Parameter> plain, IReadOnlyList<Parameter> gates) = network.ParameterGroups();
        using SGD optimizer = optim.SGD(
            [
                new SGD.ParamGroup(decayed, _options.LearningRate, Momentum, 0, _options.WeightDecay, nesterov: true),
                new SGD.ParamGroup(plain, _options.LearningRate, Momentum, 0, 0, nesterov: true),
                new SGD.ParamGroup(gates, _options.LearningRate, Momentum, 0, 0, nesterov: true),
            ],
            _options.LearningRate);
        int first = resume && File.Exists(_checkpoint) ? Resume(network, optimizer) : 0;
        for (int epoch = first; epoch < _options.Epochs; epoch++)
        {
            RunEpoch(network, optimizer, epoch, progress, cancellation);
            Checkpoint.Write(_checkpoint, Info(epoch + 1), network, optimizer);
            epochDone?.Invoke(epoch + 1, Evaluation.Of(network, _images, Split.Validation, Normalisation, IsDense(epoch) ? null : 1));
        }

        network.eval();
        return network;
    }

    // Untrained gates let through what the gated phase holds them to first, each kind its part.
    private void OpenGates(LcNet network)
    {
        double share = _options.Gates == GateKinds.Both ? Math.Sqrt(_options.StartShare) : _options.StartShare;
        share = Math.Min(share, MaxOpenShare);
        network.OpenGatesFor(share, share);
    }

    private bool IsDense(int epoch) => epoch < _options.DenseEpochs || _options.Gates == GateKinds.None;

    private CheckpointInfo Info(int epochs) =>
        new() { Options = _options, Epochs = epochs, Classes = _images.Classes, Normalisation = Normalisation };

    private int Resume(LcNet network, SGD optimizer)
    {
        CheckpointInfo info = Checkpoint.ReadInfo(_checkpoint);
        if (info.Options != _options)
        {
            throw new InvalidDataException($"{_checkpoint}: written by another recipe ({info.Options}); this one is {_options}.");
        }

        if (!info.Classes.SequenceEqual(_images.Classes) || !info.Normalisation.Mean.SequenceEqual(Normalisation.Mean))
        {
            throw new InvalidDataException($"{_checkpoint}: written for other images.");
        }

        Checkpoint.ReadState(_checkpoint, network, optimizer);
        return info.Epochs;
    }

    private void RunEpoch(LcNet network, SGD optimizer, int epoch, Action<TrainingProgress>? progress, CancellationToken cancellation)
    {
        network.train();
        var random = new Random(unchecked((_options.Seed * 1_000_003) + epoch));
        int[] order = [.. Split.Training];
        random.Shuffle(order);
        int size = _options.BatchSize;
        int steps = order.Length / size;
        var schedule = new Schedule(_options, steps);
        var reader = new BatchReader(_images, Normalisation);
        double loss = 0;
        double right = 0;
        double share = 0;
        for (int i = 0; i < steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            int step = (epoch * steps) + i;
            SetLearningRate(optimizer, schedule.LearningRate(step));

            (Tensor x, Tensor labels) = reader.Read(order.AsSpan(i * size, size), _options.Augmentation, random);
            int resolution = schedule.Resolution(epoch);
            x = resolution == _options.InputSize ? x : functional.adaptive_avg_pool2d(x, resolution);
            (double Loss, double Right, double Share) result = Step(network, optimizer, x, labels, IsDense(epoch) ? null : Efforts(schedule, step, random));
            loss += result.Loss;
            right += result.Right;
            share += result.Share;
            progress?.Invoke(new TrainingProgress(epoch + 1, _options.Epochs, i + 1, steps, loss / (i + 1), right / ((i + 1) * size), share / (i + 1)));
        }
    }

    private void SetLearningRate(SGD optimizer, double rate)
    {
        optim.ILearningRateController[] groups = [.. optimizer.ParamGroups];
        groups[0].LearningRate = rate;
        groups[1].LearningRate = rate;
        groups[2].LearningRate = rate * _options.GateRate;
    }

    private List<(int First, int Count, double Effort, double Target)> Efforts(Schedule schedule, int step, Random random)
    {
        int quarter = _options.BatchSize / 4;
        int eighth = _options.BatchSize / 8;
        int most = _options.BatchSize - quarter - eighth;
        double middle = (1 + _options.MinEffort) / 2;
        double low = _options.MinEffort + (random.NextDouble() * (middle - _options.MinEffort));
        double high = middle + (random.NextDouble() * (1 - middle));
        return
        [
            (0, most, 1, schedule.TargetShare(step, 1)),
            (most, quarter, high, schedule.TargetShare(step, high)),
            (most + quarter, eighth, low, schedule.TargetShare(step, low)),
        ];
    }

    private (double Loss, double Right, double Share) Step(
        LcNet network, SGD optimizer, Tensor x, Tensor labels, List<(int First, int Count, double Effort, double Target)>? groups)
    {
        using var uncollected = UncollectedRegion.Open();
        optimizer.zero_grad();
        Tensor? effort = groups is null ? null : cat([.. groups.Select(group => full(group.Count, 1, group.Effort))], 0);
        LcNetOutput output = network.Forward(x, effort);
        Tensor entropy = functional.cross_entropy(output.Logits, labels, label_smoothing: _options.LabelSmoothing);
        Tensor total = _teacher is null ? entropy : ((1 - _options.DistillationWeight) * entropy) + (_options.DistillationWeight * Distance(output.Logits, x));
        double share = 1;
        if (groups is not null)
        {
            total += _options.FlopsWeight * FlopsLoss.Budget(output.FlopsShare!, [.. groups.Select(group => (group.First, group.Count, group.Target))]);
            total += _options.UsageWeight * UsageLoss.Varied(output.LayerMargins!.narrow(0, 0, groups[0].Count));
            share = output.FlopsShare!.narrow(0, 0, groups[0].Count).mean().ToDouble();
        }

        total.backward();
        _ = nn.utils.clip_grad_norm_(network.parameters(), MaxGradientNorm);
        optimizer.step();
        return (entropy.ToDouble(), output.Logits.argmax(1).eq(labels).sum().ToDouble(), share);
    }

    // Cross-entropy against the teacher's probabilities: up to a constant the Kullback-Leibler divergence (Hinton et al. 2015, temperature 1).
    private Tensor Distance(Tensor logits, Tensor x)
    {
        Tensor taught;
        using (no_grad())
        {
            taught = functional.softmax(_teacher!.Forward(x, null).Logits, 1);
        }

        return functional.cross_entropy(logits, taught);
    }
}
