using System.CommandLine;
using System.Globalization;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Cli.Train;

/// <summary>The recipe as command-line options, with the recipe's own defaults.</summary>
internal sealed class RecipeOptions(TrainingOptions defaults)
{
    private readonly Option<StemKind> _family = Make("--family", "Family of the backbone: cifar for small images, imagenet for large ones.", defaults.Family);
    private readonly Option<int> _depth = NumberOption.Of("--depth", "Depth of the ResNet: 2·stages·n+2 of the CIFAR family, 18, 34 or 50 of the ImageNet family.", defaults.Depth);
    private readonly Option<int> _stages = NumberOption.Of("--stages", "Stages of the CIFAR family, 1 to 4: the resolution halves and the width doubles from one to the next.", defaults.Stages);
    private readonly Option<int> _width = NumberOption.Of("--width", "Channels of the first stage.", defaults.Width);
    private readonly Option<int> _size = NumberOption.Of("--size", "Height and width of the input in pixels; images are scaled and cropped to it.", defaults.InputSize);
    private readonly Option<GateSpan> _span = Make("--span", "Which blocks a gate decides at once: block, stage or model.", defaults.Span);
    private readonly Option<GateKinds> _gates = Make("--gates", "Which gates are trained: both, layers, channels or none; the others stay open.", defaults.Gates);
    private readonly Option<int> _epochs = NumberOption.Of("--epochs", "Passes over the training images, dense phase included.", defaults.Epochs);
    private readonly Option<int> _dense = NumberOption.Of("--dense-epochs", "Epochs of the warm start with every gate open.", defaults.DenseEpochs);
    private readonly Option<int> _batch = NumberOption.Of("--batch", "Images a step.", defaults.BatchSize);
    private readonly Option<double> _rate = NumberOption.Of("--learning-rate", "Peak learning rate.", defaults.LearningRate);
    private readonly Option<double> _warmUp = NumberOption.Of("--warm-up", "Share of the steps in which the learning rate rises, in (0, 1).", defaults.WarmUp);
    private readonly Option<double> _gateRate = NumberOption.Of("--gate-rate", "Learning rate of the gates as a share of the backbone's, in (0, 1].", defaults.GateRate);
    private readonly Option<double> _decay = NumberOption.Of("--weight-decay", "L2 penalty on the backbone's weights.", defaults.WeightDecay);
    private readonly Option<double> _smoothing = NumberOption.Of("--label-smoothing", "Label smoothing, in [0, 1).", defaults.LabelSmoothing);
    private readonly Option<double> _budget = NumberOption.Of("--budget", "Mean planned FLOPs at effort 1, as a share of dense; at effort e it is e times as much.", defaults.Budget);
    private readonly Option<double> _startShare = NumberOption.Of("--start-share", "Share of dense FLOPs that gates are held to when the gated phase begins.", defaults.StartShare);
    private readonly Option<double> _lowest = NumberOption.Of("--min-effort", "Lowest effort that is trained.", defaults.MinEffort);
    private readonly Option<double> _flops = NumberOption.Of("--flops-weight", "Weight of the FLOPs loss.", defaults.FlopsWeight);
    private readonly Option<double> _usage = NumberOption.Of("--usage-weight", "Weight of the loss that keeps L-Net gates from becoming constant.", defaults.UsageWeight);
    private readonly Option<double> _distillation = NumberOption.Of("--distillation", "Share of the loss that comes from the teacher's outputs, in [0, 1].", defaults.DistillationWeight);
    private readonly Option<double> _validation = NumberOption.Of("--validation", "Share of each class held back for validation, in (0, 1).", defaults.ValidationFraction);
    private readonly Option<int> _seed = NumberOption.Of("--seed", "Seed of weights, order, augmentation and efforts.", defaults.Seed);
    private readonly Option<int> _crop = NumberOption.Of("--crop", "Pixels of padding before a random crop; 0 for none.", defaults.Augmentation.CropPadding);
    private readonly Option<bool> _flip = Make("--flip", "Mirror every other image.", defaults.Augmentation.Flip);
    private readonly Option<double> _erase = NumberOption.Of("--erase", "Share of images in which a square is erased, in [0, 1].", defaults.Augmentation.EraseProbability);
    private readonly Option<double> _halfSize = NumberOption.Of("--half-size-until", "Share of the epochs that run at half the resolution, which is faster.", defaults.HalfSizeUntil);
    private readonly Option<double> _reduced = NumberOption.Of("--reduced-until", "Share of the epochs after which all run at full resolution; before it, at three quarters.", defaults.ReducedUntil);

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[]
        {
            _family, _depth, _stages, _width, _size, _span, _gates, _epochs, _dense, _batch, _rate, _warmUp, _gateRate, _decay, _smoothing, _budget, _startShare, _lowest, _flops, _usage, _distillation, _validation, _seed, _crop, _flip, _erase, _halfSize, _reduced,
        })
        {
            command.Options.Add(option);
        }
    }

    public TrainingOptions Read(ParseResult parsed) => new()
    {
        Family = parsed.GetValue(_family),
        Depth = parsed.GetValue(_depth),
        Stages = parsed.GetValue(_stages),
        Width = parsed.GetValue(_width),
        InputSize = parsed.GetValue(_size),
        Span = parsed.GetValue(_span),
        Gates = parsed.GetValue(_gates),
        Epochs = parsed.GetValue(_epochs),
        DenseEpochs = parsed.GetValue(_dense),
        BatchSize = parsed.GetValue(_batch),
        LearningRate = parsed.GetValue(_rate),
        WarmUp = parsed.GetValue(_warmUp),
        GateRate = parsed.GetValue(_gateRate),
        WeightDecay = parsed.GetValue(_decay),
        LabelSmoothing = parsed.GetValue(_smoothing),
        Budget = parsed.GetValue(_budget),
        StartShare = parsed.GetValue(_startShare),
        MinEffort = parsed.GetValue(_lowest),
        FlopsWeight = parsed.GetValue(_flops),
        UsageWeight = parsed.GetValue(_usage),
        DistillationWeight = parsed.GetValue(_distillation),
        ValidationFraction = parsed.GetValue(_validation),
        Seed = parsed.GetValue(_seed),
        HalfSizeUntil = parsed.GetValue(_halfSize),
        ReducedUntil = parsed.GetValue(_reduced),
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
            $"family={options.Family}",
            $"depth={options.Depth}",
            $"stages={options.Stages}",
            $"width={options.Width}",
            $"input_size={options.InputSize}",
            $"span={options.Span}",
            $"gates={options.Gates}",
            $"dense_epochs={options.DenseEpochs}",
            $"batch_size={options.BatchSize}",
            $"learning_rate={options.LearningRate}",
            $"warm_up={options.WarmUp}",
            $"gate_rate={options.GateRate}",
            $"weight_decay={options.WeightDecay}",
            $"label_smoothing={options.LabelSmoothing}",
            $"budget={options.Budget}",
            $"start_share={options.StartShare}",
            $"min_effort={options.MinEffort}",
            $"flops_weight={options.FlopsWeight}",
            $"usage_weight={options.UsageWeight}",
            $"teacher={options.Teacher ?? "none"}",
            $"distillation_weight={options.DistillationWeight}",
            $"{DataSource.ValidationFraction}={options.ValidationFraction}",
            $"crop_padding={options.Augmentation.CropPadding}",
            $"flip={options.Augmentation.Flip}",
            $"erase_probability={options.Augmentation.EraseProbability}",
            $"half_size_until={options.HalfSizeUntil}",
            $"reduced_until={options.ReducedUntil}",
            $"initial={options.Initial ?? "random"}",
        ];
        return new SortedDictionary<string, string>(
            entries.Select(entry => entry.ToString(CultureInfo.InvariantCulture).Split('=')).ToDictionary(pair => pair[0], pair => pair[1].ToLowerInvariant()),
            StringComparer.Ordinal);
    }

    private static Option<T> Make<T>(string name, string description, T value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };
}
