using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Recipe;

/// <summary>
/// Trains an LC-Net: a dense phase first, then gates that begin where next to nothing is skipped, under a price of compute that rises until the budget is
/// met. Five eighths of every gated batch run at effort 1, a quarter at a random effort of the upper half of the range, an eighth at one of the lower half.
/// </summary>
/// <remarks>
/// All randomness derives from the seed and the epoch, so a run that is interrupted and resumed from its checkpoint ends with the same
/// weights as one that was not (on the same machine, with the same number of threads). Not thread-safe.
/// </remarks>
public sealed partial class Trainer
{
    private const double Momentum = 0.9;

    private const int PatchImages = 1000;
    private const int StatisticsImages = 500;

    // Images that gates and prices are set by at the beginning of a gated epoch, and in the end: fewer of large ones, which take as long as many small ones.
    private static readonly FitImages OfSmall = new(Gates: 2000, Prices: 500, FinalGates: 4000, FinalPrices: 4000, Until: 1);
    private static readonly FitImages OfPhotos = new(Gates: 600, Prices: 300, FinalGates: 2000, FinalPrices: 300, Until: 0.6);

    // Gates are fitted anew so often: at the beginning of each gated epoch, or of some of them where there are more.
    private const int MostFits = 8;

    private readonly ImageSet _images;
    private readonly TrainingOptions _options;
    private readonly string _checkpoint;
    private readonly string _denseCheckpoint;
    private readonly LcNet? _initial;
    private IReadOnlyList<Parameter> _trained = [];
    private LcNet? _teacher;

    /// <summary>Prepares a training.</summary>
    /// <param name="images">All images; the trainer takes the validation split from them.</param>
    /// <param name="folder">Where <c>checkpoint.zip</c> is written after every epoch.</param>
    /// <param name="initial">
    /// A network of the same backbone whose weights training starts from, those of its gates aside; null for random ones.
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

        if (teacher is not null && options.DistillationWeight == 0)
        {
            throw new ArgumentException("A teacher is given, and the distillation weight is 0: nothing would be learned from it.", nameof(options));
        }

        _images = images;
        _options = options;
        _initial = initial;
        _teacher = teacher;
        Directory.CreateDirectory(folder);
        _checkpoint = Path.Combine(folder, "checkpoint.zip");
        _denseCheckpoint = Path.Combine(folder, "dense.zip");
        Split = Split.ByContent(images, options.ValidationFraction);
        Normalisation = options.Normalisation ?? Normalisation.Of(images, Split.Training);
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
    /// <param name="epochDone">Told after every epoch how the network does on the validation images at effort 1 (dense in the dense phase).</param>
    /// <param name="cancellation">Stops between two steps; the last epoch's checkpoint stays.</param>
    /// <exception cref="InvalidDataException">The checkpoint was written by another recipe or for other images.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public LcNet Run(bool resume, Action<TrainingProgress>? progress, Action<int, Evaluation>? epochDone, CancellationToken cancellation)
    {
        manual_seed(_options.Seed);
        var network = new LcNet(_options.Architecture(_images.Classes.Count));
        _teacher?.eval();
        bool isResumed = resume && File.Exists(_checkpoint);
        if (!isResumed)
        {
            Begin(network);
        }

        using var average = new WeightAverage(network, _options.Averaging);

        (IReadOnlyList<Parameter> decayed, IReadOnlyList<Parameter> plain) = network.ParameterGroups();
        _trained = [.. decayed, .. plain];
        using SGD optimizer = optim.SGD(
            [
                new SGD.ParamGroup(decayed, _options.LearningRate, Momentum, 0, _options.WeightDecay, nesterov: true),
                new SGD.ParamGroup(plain, _options.LearningRate, Momentum, 0, 0, nesterov: true),
            ],
            _options.LearningRate);
        int first = isResumed ? Resume(network, average.Network, optimizer) : 0;
        for (int epoch = first; epoch < _options.Epochs; epoch++)
        {
            if (!IsDense(epoch))
            {
                BeginGatedEpoch(network, average, optimizer, epoch);
                average.Network.CopyGatesFrom(network);
            }

            RunEpoch(network, average, optimizer, epoch, progress, cancellation);
            if (epoch + 1 == _options.Epochs && !IsDense(epoch))
            {
                Finish(average.Network);
            }

            Checkpoint.Write(_checkpoint, Info(epoch + 1), network, average.Network, optimizer);
            epochDone?.Invoke(epoch + 1, Evaluation.Of(average.Network, _images, Split.Validation, Normalisation, IsDense(epoch) ? null : 1));
        }

        network.CopyBackboneFrom(average.Network);
        network.CopyGatesFrom(average.Network);
        network.eval();
        return network;
    }

    // What is exported are averages: what gates see of them, and what they cost, is a little different.
    private void Finish(LcNet average)
    {
        manual_seed(_options.Seed + _options.Epochs);
        var reader = new BatchReader(_images, Normalisation);
        Fit(average, reader, Fits.FinalGates, Precision.Full);
        PriceCalibrator.Set(average, reader, Sample(Fits.FinalPrices), effort => _options.Budget * effort);
    }

    // The weights of the first step, where they are not random.
    private void Begin(LcNet network)
    {
        if (_initial is null)
        {
            if (_options.PatchStem)
            {
                BeginStem(network);
            }

            return;
        }

        network.CopyBackboneFrom(_initial);
        if (_options.MeasureStatistics)
        {
            var reader = new BatchReader(_images, Normalisation);
            network.MeasureStatistics(Sample(StatisticsImages).Chunk(reader.EvaluatedAtATime).Select(batch => reader.Read(batch, Augmentation.None, 0, Random.Shared).Images));
        }
    }

    private void BeginStem(LcNet network)
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        (Tensor x, _) = new BatchReader(_images, Normalisation).Read(Sample(PatchImages), Augmentation.None, 0, Random.Shared);
        network.BeginStemAsComponentsOf(x);
    }

    // Training images, the same ones whenever they are asked for.
    private int[] Sample(int count)
    {
        int[] order = [.. Split.Training];
        new Random(_options.Seed).Shuffle(order);
        return order[..Math.Min(count, order.Length)];
    }

    // On photos as they are trained on: a network knows a few hundred that it has seen again and again too well to tell what its blocks are worth for others.
    private void Fit(LcNet network, BatchReader reader, int images, Precision precision) =>
        new GateFit(network, reader, _options.Augmentation.MinCropArea < 1 ? _options.Augmentation : Augmentation.None, precision).Run(Sample(images));

    private FitImages Fits => _options.ArePhotos ? OfPhotos : OfSmall;

    private int EpochsOfAFit => Math.Max(1, (int)Math.Ceiling((double)(_options.Epochs - _options.DenseEpochs) / MostFits));

    private void BeginGatedEpoch(LcNet network, WeightAverage average, SGD optimizer, int epoch)
    {
        manual_seed(_options.Seed + epoch);
        var reader = new BatchReader(_images, Normalisation);
        if (epoch == _options.DenseEpochs)
        {
            Checkpoint.Write(_denseCheckpoint, Info(epoch), network, average.Network, optimizer);
        }

        if ((epoch - _options.DenseEpochs) % EpochsOfAFit == 0)
        {
            if (epoch - _options.DenseEpochs <= Fits.Until * (_options.Epochs - _options.DenseEpochs))
            {
                Fit(network, reader, Fits.Gates, _options.Precision);
            }

            var schedule = new Schedule(_options, StepsPerEpoch);
            PriceCalibrator.Set(network, reader, Sample(Fits.Prices), effort => schedule.TargetShare(epoch * StepsPerEpoch, effort));
        }

        if (_teacher is null && _options.DistillationWeight > 0)
        {
            _teacher = Checkpoint.ReadNetwork(_denseCheckpoint).Network;
        }
    }

    private int StepsPerEpoch => Split.Training.Count / _options.BatchSize;

    private bool IsDense(int epoch) => epoch < _options.DenseEpochs;

    private CheckpointInfo Info(int epochs) =>
        new() { Options = _options, Epochs = epochs, Classes = _images.Classes, Normalisation = Normalisation };

    private int Resume(LcNet network, LcNet average, SGD optimizer)
    {
        CheckpointInfo info = Checkpoint.ReadInfo(_checkpoint);
        if (info.Options != _options)
        {
            throw new InvalidDataException($"{_checkpoint}: written by another recipe ({info.Options}); this one is {_options}.");
        }

        if (!info.Classes.SequenceEqual(_images.Classes) || info.Normalisation != Normalisation)
        {
            throw new InvalidDataException($"{_checkpoint}: written for other images.");
        }

        Checkpoint.ReadState(_checkpoint, network, average, optimizer);
        return info.Epochs;
    }

    private void RunEpoch(LcNet network, WeightAverage average, SGD optimizer, int epoch, Action<TrainingProgress>? progress, CancellationToken cancellation)
    {
        network.train();
        int seed = unchecked((_options.Seed * 1_000_003) + epoch);
        manual_seed(seed);
        var random = new Random(seed);
        int[] order = Order(random);
        int size = _options.BatchSize;
        int steps = StepsPerEpoch;
        var schedule = new Schedule(_options, steps);
        using var batches = new BatchLoader(new BatchReader(_images, Normalisation), order, size, _options.Augmentation, epoch, random.Next());
        double loss = 0;
        double right = 0;
        double share = 0;
        for (int i = 0; i < steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            int step = (epoch * steps) + i;
            SetLearningRate(optimizer, schedule.LearningRate(step));

            (Tensor x, Tensor labels) = batches.Next();
            (double Loss, double Right, double Share) result = Step(network, optimizer, x.to_type(_options.Precision.TensorType()), labels, IsDense(epoch) ? null : Groups(network, schedule, step, random));
            average.Update(step);
            loss += result.Loss;
            right += result.Right;
            share += result.Share;
            progress?.Invoke(new TrainingProgress(epoch + 1, _options.Epochs, i + 1, steps, size, loss / (i + 1), right / ((i + 1) * size), share / (i + 1)));
        }
    }

    // The training images of an epoch in the order in which they are taken: each of them once, or as many of each class as of any other.
    private int[] Order(Random random)
    {
        int[] order = [.. Split.Training];
        random.Shuffle(order);
        return _options.BalancedClasses ? ClassBalance.Take(order, _images.Label) : order;
    }

    // Until: in which share of the gated phase. Every fit to a few hundred photos says something else, and the weights need time to get used to the last.
    private sealed record FitImages(int Gates, int Prices, int FinalGates, int FinalPrices, double Until);
}
