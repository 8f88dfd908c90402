using System.CommandLine;
using System.Globalization;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Cli.Train;

/// <summary>The recipe as command-line options, with the recipe's own defaults.</summary>
internal sealed class RecipeOptions(TrainingOptions defaults)
{
    private readonly Option<StemKind> _stem = Make("--stem", "What stands in front of the first block: cifar for small images, imagenet for large ones.", defaults.Stem);
    private readonly Option<BlockKind> _block = Make("--block", "Residual block: basic or bottleneck.", defaults.Block);
    private readonly Option<string> _stages = Make("--stages", "Blocks x width of each stage; the resolution halves from one to the next. The first may have 0 blocks: its width is that of the stem.", defaults.Stages);
    private readonly Option<int> _size = NumberOption.Of("--size", "Height and width of the input in pixels; images are scaled and cropped to it.", defaults.InputSize);
    private readonly Option<GateSpan> _span = Make("--span", "Which blocks a gate decides at once: block, stage or model.", defaults.Span);
    private readonly Option<GateKinds> _gates = Make("--gates", "Which gates are trained: both, layers, channels or none; the others stay open.", defaults.Gates);
    private readonly Option<int> _epochs = NumberOption.Of("--epochs", "Passes over the training images, dense phase included.", defaults.Epochs);
    private readonly Option<double> _dense = NumberOption.Of("--dense-share", "Share of the epochs that come before gates, in [0, 1).", defaults.DenseShare);
    private readonly Option<int> _batch = NumberOption.Of("--batch", "Images a step.", defaults.BatchSize);
    private readonly Option<Precision?> _precision = Make<Precision?>("--precision", "What training steps compute in: full for float32, mixed for bfloat16 between layers. Default: mixed on a processor with AVX-512 BF16, otherwise full.", null);
    private readonly Option<double> _rate = NumberOption.Of("--learning-rate", "Peak learning rate.", defaults.LearningRate);
    private readonly Option<double> _warmUp = NumberOption.Of("--warm-up", "Share of the steps in which the learning rate rises, in (0, 1).", defaults.WarmUp);
    private readonly Option<double> _decay = NumberOption.Of("--weight-decay", "L2 penalty on the backbone's weights.", defaults.WeightDecay);
    private readonly Option<double> _smoothing = NumberOption.Of("--label-smoothing", "Label smoothing, in [0, 1).", defaults.LabelSmoothing);
    private readonly Option<double> _budget = NumberOption.Of("--budget", "Mean planned FLOPs at effort 1, as a share of dense; at effort e it is e times as much.", defaults.Budget);
    private readonly Option<double> _lowest = NumberOption.Of("--min-effort", "Lowest effort that is trained.", defaults.MinEffort);
    private readonly Option<double> _anyDepth = NumberOption.Of("--any-depth", "Share of the images of the dense phase that skip blocks at random, in [0, 1].", defaults.AnyDepth);
    private readonly Option<double> _tightening = NumberOption.Of("--tightening", "Share of the gated phase in which FLOPs fall from dense ones to the budget, in (0, 1].", defaults.Tightening);
    private readonly Option<int> _hidden = NumberOption.Of("--hidden", "Units of the hidden layer of each L-Net gate; 0 for none.", defaults.HiddenUnits);
    private readonly Option<double> _distillation = NumberOption.Of("--distillation", "Share of the loss that comes from a teacher's outputs, in [0, 1]; without one the gated phase learns from the dense phase's.", defaults.DistillationWeight);
    private readonly Option<double> _validation = NumberOption.Of("--validation", "Share of each class held back for validation, in (0, 1).", defaults.ValidationFraction);
    private readonly Option<int> _seed = NumberOption.Of("--seed", "Seed of weights, order, augmentation and efforts.", defaults.Seed);
    private readonly Option<int> _crop = NumberOption.Of("--crop", "Pixels of padding before a random crop; 0 for none.", defaults.Augmentation.CropPadding);
    private readonly Option<bool> _flip = Make("--flip", "Mirror every other image.", defaults.Augmentation.Flip);
    private readonly Option<double> _erase = NumberOption.Of("--erase", "Share of images in which a square is erased, in [0, 1].", defaults.Augmentation.EraseProbability);
    private readonly Option<double> _biasRate = NumberOption.Of("--bias-rate", "Learning rate of batch norm and biases as a multiple of that of the weights.", defaults.BiasRate);
    private readonly Option<bool> _patchStem = Make("--patch-stem", "Begin the stem as the principal components of the images' patches.", defaults.PatchStem);
    private readonly Option<double> _averaging = NumberOption.Of("--averaging", "Decay a step of the moving average of weights, in [0, 1); 0 for the last weights.", defaults.Averaging);

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[]
        {
            _stem, _block, _stages, _size, _span, _gates, _epochs, _dense, _batch, _precision, _rate, _warmUp, _decay, _smoothing, _budget, _lowest, _anyDepth, _tightening, _hidden, _distillation, _validation, _seed, _crop, _flip, _erase, _biasRate, _patchStem, _averaging,
        })
        {
            command.Options.Add(option);
        }
    }

    public TrainingOptions Read(ParseResult parsed) => new()
    {
        Stem = parsed.GetValue(_stem),
        Block = parsed.GetValue(_block),
        Stages = parsed.GetValue(_stages)!,
        InputSize = parsed.GetValue(_size),
        Span = parsed.GetValue(_span),
        Gates = parsed.GetValue(_gates),
        Epochs = parsed.GetValue(_epochs),
        DenseShare = parsed.GetValue(_dense),
        BatchSize = parsed.GetValue(_batch),
        Precision = parsed.GetValue(_precision) ?? PrecisionSupport.Fastest,
        LearningRate = parsed.GetValue(_rate),
        WarmUp = parsed.GetValue(_warmUp),
        WeightDecay = parsed.GetValue(_decay),
        LabelSmoothing = parsed.GetValue(_smoothing),
        Budget = parsed.GetValue(_budget),
        MinEffort = parsed.GetValue(_lowest),
        AnyDepth = parsed.GetValue(_anyDepth),
        Tightening = parsed.GetValue(_tightening),
        HiddenUnits = parsed.GetValue(_hidden),
        DistillationWeight = parsed.GetValue(_distillation),
        ValidationFraction = parsed.GetValue(_validation),
        Seed = parsed.GetValue(_seed),
        BiasRate = parsed.GetValue(_biasRate),
        PatchStem = parsed.GetValue(_patchStem),
        Averaging = parsed.GetValue(_averaging),
        Augmentation = new()
        {
            CropPadding = parsed.GetValue(_crop),
            Flip = parsed.GetValue(_flip),
            EraseProbability = parsed.GetValue(_erase),
        },
    };

    /// <summary>The recipe by name, for a bundle's provenance. Seed and epochs stand there on their own.</summary>
    public static IReadOnlyDictionary<string, string> Describe(TrainingOptions options)
    {
        FormattableString[] entries =
        [
            $"stem={options.Stem}",
            $"block={options.Block}",
            $"stages={options.Stages}",
            $"input_size={options.InputSize}",
            $"span={options.Span}",
            $"gates={options.Gates}",
            $"dense_share={options.DenseShare}",
            $"batch_size={options.BatchSize}",
            $"precision={options.Precision}",
            $"learning_rate={options.LearningRate}",
            $"warm_up={options.WarmUp}",
            $"weight_decay={options.WeightDecay}",
            $"label_smoothing={options.LabelSmoothing}",
            $"budget={options.Budget}",
            $"min_effort={options.MinEffort}",
            $"any_depth={options.AnyDepth}",
            $"tightening={options.Tightening}",
            $"hidden_units={options.HiddenUnits}",
            $"teacher={options.Teacher ?? "none"}",
            $"distillation_weight={options.DistillationWeight}",
            $"{DataSource.ValidationFraction}={options.ValidationFraction}",
            $"crop_padding={options.Augmentation.CropPadding}",
            $"flip={options.Augmentation.Flip}",
            $"erase_probability={options.Augmentation.EraseProbability}",
            $"bias_rate={options.BiasRate}",
            $"patch_stem={options.PatchStem}",
            $"averaging={options.Averaging}",
            $"initial={options.Initial ?? "random"}",
        ];
        return new SortedDictionary<string, string>(
            entries.Select(entry => entry.ToString(CultureInfo.InvariantCulture).Split('=')).ToDictionary(pair => pair[0], pair => pair[1].ToLowerInvariant()),
            StringComparer.Ordinal);
    }

    private static Option<T> Make<T>(string name, string description, T value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };
}
