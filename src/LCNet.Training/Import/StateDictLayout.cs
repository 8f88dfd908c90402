using System.Globalization;
using System.Text.RegularExpressions;

namespace LCNet.Training.Import;

/// <summary>Makes a network of the tensors of a state dict, by torchvision's names, which are timm's too, or by Hugging Face's.</summary>
internal static partial class StateDictLayout
{
    // PyTorch's default, which all three keep.
    private const double Epsilon = 1e-5;

    /// <summary>Makes a network.</summary>
    /// <param name="format">What kind of file it was, in words.</param>
    /// <exception cref="NotSupportedException">It is another kind of network; the message names the tensor that does not fit.</exception>
    public static ImportedNetwork Read(string format, IReadOnlyDictionary<string, ImportedTensor> tensors)
    {
        bool isHuggingFace = tensors.Keys.Any(name => name.Contains("embedder.embedder.", StringComparison.Ordinal));
        var state = new State(tensors.ToDictionary(entry => isHuggingFace ? Torchvision(entry.Key) : entry.Key, entry => (entry.Key, entry.Value)));
        foreach ((string name, string original) in state.Names)
        {
            if (SqueezeName().IsMatch(name))
            {
                throw new NotSupportedException($"{original}: squeeze-and-excitation or another attention, which this network has not.");
            }

            if (name.StartsWith("conv1.", StringComparison.Ordinal) && name != "conv1.weight" && name != "conv1.bias")
            {
                throw new NotSupportedException($"{original}: a deep stem of several convolutions; a stem is one 7×7 or 3×3 convolution.");
            }
        }

        ImportedConv stem = state.Convolution("conv1", "bn1");
        var stages = new List<IReadOnlyList<ImportedBlock>>();
        while (state.HasAny($"layer{stages.Count + 1}."))
        {
            var blocks = new List<ImportedBlock>();
            while (state.HasAny($"layer{stages.Count + 1}.{blocks.Count}."))
            {
                blocks.Add(ReadBlock(state, $"layer{stages.Count + 1}.{blocks.Count}"));
            }

            stages.Add(blocks.Count > 0 ? blocks : throw new NotSupportedException($"layer{stages.Count + 1}: has no block 0."));
        }

        if (stages.Count == 0)
        {
            throw new NotSupportedException("layer1.0.conv1.weight: not there; the names are none of torchvision's, timm's or Hugging Face's for a ResNet.");
        }

        ImportedHead? head = state.Find("fc.weight") is { } weight ? new ImportedHead(state.Original("fc.weight"), weight, state.Find("fc.bias")) : null;
        state.ExpectAllRead();
        return new ImportedNetwork($"{format}, {(isHuggingFace ? "Hugging Face's" : "torchvision's or timm's")} names", stem, stages, head);
    }

    private static ImportedBlock ReadBlock(State state, string block)
    {
        var branch = new List<ImportedConv>();
        while (state.Find($"{block}.conv{branch.Count + 1}.weight") is not null)
        {
            branch.Add(state.Convolution($"{block}.conv{branch.Count + 1}", $"{block}.bn{branch.Count + 1}"));
        }

        if (branch.Count is not (2 or 3))
        {
            throw new NotSupportedException($"{block}: {branch.Count} convolutions, where a residual block has two or three.");
        }

        if (state.Find($"{block}.downsample.1.weight") is { Shape.Count: 4 })
        {
            throw new NotSupportedException($"{state.Original($"{block}.downsample.1.weight")}: a shortcut with a pool in front of its convolution, as in ResNet-D.");
        }

        return new ImportedBlock(block, branch, state.Find($"{block}.downsample.0.weight") is null ? null : state.Convolution($"{block}.downsample.0", $"{block}.downsample.1"));
    }

    // transformers' ResNetModel and ResNetForImageClassification.
    private static string Torchvision(string name)
    {
        string part = name.StartsWith("resnet.", StringComparison.Ordinal) ? name["resnet.".Length..] : name;
        part = part.Replace("embedder.embedder.convolution.", "conv1.", StringComparison.Ordinal)
            .Replace("embedder.embedder.normalization.", "bn1.", StringComparison.Ordinal)
            .Replace("classifier.1.", "fc.", StringComparison.Ordinal);
        return HuggingFaceBlock().Replace(part, match =>
        {
            int stage = Number(match.Groups["stage"]) + 1;
            string block = $"layer{stage}.{match.Groups["block"].Value}.";
            bool isConvolution = match.Groups["part"].Value == "convolution";
            return match.Groups["layer"].Success
                ? $"{block}{(isConvolution ? "conv" : "bn")}{Number(match.Groups["layer"]) + 1}."
                : $"{block}downsample.{(isConvolution ? 0 : 1)}.";
        });
    }

    private static int Number(Group group) => int.Parse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^encoder\.stages\.(?<stage>\d{1,4})\.layers\.(?<block>\d{1,4})\.(layer\.(?<layer>\d{1,4})|shortcut)\.(?<part>convolution|normalization)\.")]
    private static partial Regex HuggingFaceBlock();

    [GeneratedRegex(@"\.(se|se_module|attn|eca|cbam)\.|\.attention\.")]
    private static partial Regex SqueezeName();

    /// <summary>Tensors under torchvision's names, with the names that the file gives them.</summary>
    private sealed class State(Dictionary<string, (string Original, ImportedTensor Tensor)> tensors)
    {
        private readonly HashSet<string> _read = [];

        public IEnumerable<(string Name, string Original)> Names => tensors.Select(entry => (entry.Key, entry.Value.Original));

        public string Original(string name) => tensors.TryGetValue(name, out (string Original, ImportedTensor Tensor) entry) ? entry.Original : name;

        public bool HasAny(string prefix) => tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));

        public ImportedTensor? Find(string name)
        {
            _read.Add(name);
            return tensors.TryGetValue(name, out (string Original, ImportedTensor Tensor) entry) ? entry.Tensor : null;
        }

        public ImportedConv Convolution(string convolution, string norm)
        {
            ImportedTensor weight = Find($"{convolution}.weight") ?? throw new NotSupportedException($"{convolution}.weight: not there.");
            if (weight.Shape is not [_, _, int rows, int columns] || rows != columns)
            {
                throw new NotSupportedException($"{Original($"{convolution}.weight")}: of shape {string.Join('×', weight.Shape)}, where a square convolution's is expected.");
            }

            ImportedTensor? bias = Vector($"{convolution}.bias", weight.Shape[0]);
            ImportedNorm? batchNorm = Vector($"{norm}.weight", weight.Shape[0]) is { } scale
                ? new ImportedNorm(
                    scale,
                    Needed($"{norm}.bias", weight.Shape[0]),
                    Needed($"{norm}.running_mean", weight.Shape[0]),
                    Needed($"{norm}.running_var", weight.Shape[0]),
                    Epsilon)
                : null;
            return batchNorm is null && bias is null
                ? throw new NotSupportedException($"{norm}.weight: not there, and {Original($"{convolution}.weight")} has no bias that it could be folded into.")
                : new ImportedConv(Original($"{convolution}.weight"), weight, batchNorm, bias);
        }

        public void ExpectAllRead()
        {
            string[] others = [.. tensors.Where(entry => !_read.Contains(entry.Key) && !entry.Key.EndsWith(".num_batches_tracked", StringComparison.Ordinal)).Select(entry => entry.Value.Original).Order(StringComparer.Ordinal)];
            if (others.Length > 0)
            {
                throw new NotSupportedException($"{others[0]}{(others.Length > 1 ? $" and {others.Length - 1} more" : string.Empty)}: no part of a ResNet.");
            }
        }

        private ImportedTensor Needed(string name, int length) => Vector(name, length) ?? throw new NotSupportedException($"{name}: not there.");

        private ImportedTensor? Vector(string name, int length)
        {
            ImportedTensor? vector = Find(name);
            return vector is null || (vector.Shape is [int size] && size == length)
                ? vector
                : throw new NotSupportedException($"{Original(name)}: of shape {string.Join('×', vector.Shape)}, where {length} values are expected.");
        }
    }
}
