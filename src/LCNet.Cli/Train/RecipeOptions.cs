using System.CommandLine;
using System.Globalization;
using System.Numerics;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Cli.Train;

/// <summary>The recipe as command-line options, with the recipe's own defaults.</summary>
internal sealed class RecipeOptions(TrainingOptions defaults)
{
    private const string DefaultByData = ". Default: by the images and by where weights come from.";

    private readonly Option<StemKind?> _stem = ByData<StemKind?>("--stem", "What stands in front of the first block: cifar for small images, imagenet for those above 64 pixels");
    private readonly Option<BlockKind?> _block = ByData<BlockKind?>("--block", "Residual block: basic or bottleneck");
    private readonly Option<string?> _stages = ByData<string?>("--stages", "Blocks x width of each stage; the resolution halves from one to the next. The first may have 0 blocks: its width is that of the stem");
    private readonly Option<int?> _size = NumberByData<int>("--size", "Height and width of the input in pixels; images are scaled and cropped to it");
    private readonly Option<GateSpan> _span = Make("--span", "Which blocks a gate decides at once: block, stage or model.", defaults.Span);
    private readonly Option<GateKinds> _gates = Make("--gates", "Which gates are trained: both, layers, channels or none; the others stay open.", defaults.Gates);
    private readonly Option<int?> _epochs = NumberByData<int>("--epochs", "Passes over the training images, dense phase included");
    private readonly Option<double?> _dense = NumberByData<double>("--dense-share", "Share of the epochs that come before gates, in [0, 1)");
    private readonly Option<int?> _batch = NumberByData<int>("--batch", "Images a step");
    private readonly Option<Precision?> _precision = Make<Precision?>("--precision", "What training steps compute in: full for float32, mixed for bfloat16 between layers. Default: mixed on a GPU and on a processor with AVX-512 BF16, otherwise full.", null);
    private readonly Option<double?> _rate = NumberByData<double>("--learning-rate", "Peak learning rate");
    private readonly Option<double?> _warmUp = NumberByData<double>("--warm-up", "Share of the steps in which the learning rate rises, in (0, 1)");
    private readonly Option<double> _decay = NumberOption.Of("--weight-decay", "L2 penalty on the backbone's weights.", defaults.WeightDecay);
    private readonly Option<double> _smoothing = NumberOption.Of("--label-smoothing", "Label smoothing, in [0, 1).", defaults.LabelSmoothing);
    private readonly Option<double?> _budget = NumberByData<double>("--budget", "Mean planned FLOPs at effort 1, as a share of dense; at effort e it is e times as much");
    private readonly Option<double> _lowest = NumberOption.Of("--min-effort", "Lowest effort that is trained.", defaults.MinEffort);
    private readonly Option<double?> _anyDepth = NumberByData<double>("--any-depth", "Share of the images of the dense phase that skip blocks at random, in [0, 1]");
    private readonly Option<double> _tightening = NumberOption.Of("--tightening", "Share of the gated phase in which FLOPs fall from dense ones to the budget, in (0, 1].", defaults.Tightening);
    private readonly Option<int> _hidden = NumberOption.Of("--hidden", "Units of the hidden layer of each L-Net gate; 0 for none.", defaults.HiddenUnits);
    private readonly Option<double> _distillation = NumberOption.Of("--distillation", "Share of the loss that comes from a teacher's outputs, in [0, 1]; without one the gated phase learns from the dense phase's.", defaults.DistillationWeight);
    private readonly Option<double> _validation = NumberOption.Of("--validation", "Share of each class held back for validation, in (0, 1).", defaults.ValidationFraction);
    private readonly Option<bool> _balance = Make("--balance", "Take as many images of each class as of any other in every epoch.", defaults.BalancedClasses);
    private readonly Option<int> _seed = NumberOption.Of("--seed", "Seed of weights, order, augmentation and efforts.", defaults.Seed);
    private readonly Option<int> _crop = NumberOption.Of("--crop", "Pixels of padding before a random crop of small images; 0 for none.", defaults.Augmentation.CropPadding);
    private readonly Option<double?> _cropArea = NumberByData<double>("--crop-area", "Least share of a photo that a random part covers, which is scaled to the input; 1 for no such parts, in (0, 1]");
    private readonly Option<double?> _jitter = NumberByData<double>("--colour-jitter", "By how much brightness, contrast and saturation of such parts change, in [0, 1)");
    private readonly Option<bool> _flip = Make("--flip", "Mirror every other image.", defaults.Augmentation.Flip);
    private readonly Option<double?> _erase = NumberByData<double>("--erase", "Share of images in which a square is erased, in [0, 1]");
    private readonly Option<double?> _biasRate = NumberByData<double>("--bias-rate", "Learning rate of batch norm and biases as a multiple of that of the weights");
    private readonly Option<bool?> _patchStem = ByData<bool?>("--patch-stem", "Begin the stem as the principal components of the images' patches");
    private readonly Option<double?> _averaging = NumberByData<double>("--averaging", "Decay a step of the moving average of weights, in [0, 1); 0 for the last weights");

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[]
        {
            _stem, _block, _stages, _size, _span, _gates, _epochs, _dense, _batch, _precision, _rate, _warmUp, _decay, _smoothing, _budget, _lowest, _anyDepth, _tightening, _hidden, _distillation, _validation, _balance, _seed, _crop, _cropArea, _jitter, _flip, _erase, _biasRate, _patchStem, _averaging,
        })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The size of the input, where it is asked for.</summary>
    public int? ReadSize(ParseResult parsed) => parsed.GetValue(_size);

    /// <summary>The recipe that is asked for.</summary>
    /// <param name="byData">What holds where the command line does not say and the default depends on the data.</param>
    public TrainingOptions Read(ParseResult parsed, TrainingOptions byData, Precision fastest) => byData with
    {
        Stem = parsed.GetValue(_stem) ?? byData.Stem,
        Block = parsed.GetValue(_block) ?? byData.Block,
        Stages = parsed.GetValue(_stages) ?? byData.Stages,
        Span = parsed.GetValue(_span),
        Gates = parsed.GetValue(_gates),
        Epochs = parsed.GetValue(_epochs) ?? byData.Epochs,
        DenseShare = parsed.GetValue(_dense) ?? byData.DenseShare,
        BatchSize = parsed.GetValue(_batch) ?? byData.BatchSize,
        Precision = parsed.GetValue(_precision) ?? fastest,
        LearningRate = parsed.GetValue(_rate) ?? byData.LearningRate,
        WarmUp = parsed.GetValue(_warmUp) ?? byData.WarmUp,
        WeightDecay = parsed.GetValue(_decay),
        LabelSmoothing = parsed.GetValue(_smoothing),
        Budget = parsed.GetValue(_budget) ?? byData.Budget,
        MinEffort = parsed.GetValue(_lowest),
        AnyDepth = parsed.GetValue(_anyDepth) ?? byData.AnyDepth,
        Tightening = parsed.GetValue(_tightening),
        HiddenUnits = parsed.GetValue(_hidden),
        DistillationWeight = parsed.GetValue(_distillation),
        ValidationFraction = parsed.GetValue(_validation),
        BalancedClasses = parsed.GetValue(_balance),
        Seed = parsed.GetValue(_seed),
        BiasRate = parsed.GetValue(_biasRate) ?? byData.BiasRate,
        PatchStem = parsed.GetValue(_patchStem) ?? byData.PatchStem,
        Averaging = parsed.GetValue(_averaging) ?? byData.Averaging,
        Augmentation = new()
        {
            CropPadding = parsed.GetValue(_crop),
            MinCropArea = parsed.GetValue(_cropArea) ?? byData.Augmentation.MinCropArea,
            ColourJitter = parsed.GetValue(_jitter) ?? byData.Augmentation.ColourJitter,
            Flip = parsed.GetValue(_flip),
            EraseProbability = parsed.GetValue(_erase) ?? byData.Augmentation.EraseProbability,
        },
    };

    /// <summary>Options that say what an imported network already is, where they are given.</summary>
    public IEnumerable<string> OfArchitecture(ParseResult parsed) =>
        new Option[] { _stem, _block, _stages, _patchStem }.Where(option => parsed.GetResult(option) is not null).Select(option => option.Name);

    /// <summary>The recipe by name, for a bundle's provenance. Seed and epochs stand there on their own.</summary>
    /// <param name="half">Whether weights are stored in half precision.</param>
    public static IReadOnlyDictionary<string, string> Describe(TrainingOptions options, bool half)
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
            $"crop_area={options.Augmentation.MinCropArea}",
            $"colour_jitter={options.Augmentation.ColourJitter}",
            $"flip={options.Augmentation.Flip}",
            $"erase_probability={options.Augmentation.EraseProbability}",
            $"balanced_classes={options.BalancedClasses}",
            $"bias_rate={options.BiasRate}",
            $"patch_stem={options.PatchStem}",
            $"averaging={options.Averaging}",
            $"initial={options.Initial ?? "random"}",
            $"weights={(half ? "half" : "single")}",
            $"stem_width={options.StemWidth?.ToString(CultureInfo.InvariantCulture) ?? "first stage"}",
            $"strides_first={options.StridesFirst}",
        ];
        return new SortedDictionary<string, string>(
            entries.Select(entry => entry.ToString(CultureInfo.InvariantCulture).Split('=')).ToDictionary(pair => pair[0], pair => pair[1].ToLowerInvariant()),
            StringComparer.Ordinal);
    }

    private static Option<T> ByData<T>(string name, string description) => new(name) { Description = description + DefaultByData };

    private static Option<T?> NumberByData<T>(string name, string description)
        where T : struct, INumber<T> => NumberOption.Of<T>(name, description + DefaultByData);

    private static Option<T> Make<T>(string name, string description, T value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };
}
