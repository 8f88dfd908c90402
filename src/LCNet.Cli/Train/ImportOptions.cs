using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using LCNet.Training.Data;
using LCNet.Training.Import;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Cli.Train;

/// <summary>The network of another tool that a training starts from, and what its file does not say.</summary>
internal sealed class ImportOptions
{
    private const string Rgb = "rgb";
    private const string Bgr = "bgr";

    private readonly Option<string?> _file = new("--from") { Description = "Network of another tool whose weights training starts from: a .pth, .pt, .bin, .safetensors or .onnx file of a ResNet. lcnet inspect FILE shows what it holds." };
    private readonly Option<string?> _mean = new("--mean") { Description = "Mean of red, green and blue that the imported network expects, in units of [0, 1], such as 0.485,0.456,0.406. Default: what its file says, else these." };
    private readonly Option<string?> _std = new("--std") { Description = "Deviation of red, green and blue that the imported network expects, such as 0.229,0.224,0.225. Default: what its file says, else these." };
    private readonly Option<string> _order = new("--colour-order") { Description = "Whether the imported network reads red (rgb) or blue (bgr) first.", DefaultValueFactory = _ => Rgb };
    private readonly Option<bool?> _strideFirst = new("--stride-first") { Description = "Whether the stride of the imported network's bottlenecks lies in their first 1x1 convolution (v1) instead of the 3x3 one (v1.5). Default: what its file says, else the latter." };

    public void AddTo(Command command)
    {
        _order.AcceptOnlyFromAmong(Rgb, Bgr);
        foreach (Option option in new Option[] { _file, _mean, _std, _order, _strideFirst })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Reads the network that training starts from.</summary>
    /// <returns>Null where it starts from none of another tool.</returns>
    /// <exception cref="ArgumentException">Options make no sense without a file, or a value is wrong.</exception>
    /// <exception cref="InvalidDataException">The file is none that can be imported; the message says why.</exception>
    public Start? Read(ParseResult parsed)
    {
        string? file = parsed.GetValue(_file);
        if (file is null)
        {
            Option? alone = new Option[] { _mean, _std, _strideFirst }.FirstOrDefault(option => parsed.GetResult(option) is not null);
            return alone is null ? null : throw new ArgumentException($"{alone.Name} says something of an imported network, and --from names none");
        }

        ImportedNetwork network = NetworkFile.Read(file);
        Normalisation known = network.Normalisation ?? ImportedNetwork.ImageNet;
        var normalisation = new Normalisation(Three(parsed, _mean, known.Mean, 0), Three(parsed, _std, known.Std, double.Epsilon));
        bool? strideFirst = parsed.GetValue(_strideFirst);
        if (strideFirst is not null && network.StridesFirst is not null && strideFirst != network.StridesFirst)
        {
            throw new ArgumentException($"{_strideFirst.Name} {strideFirst}: {file} says the opposite");
        }

        return new Start(network, normalisation, parsed.GetValue(_order) == Bgr, strideFirst ?? network.StridesFirst ?? false, DigestOf(file));
    }

    /// <summary>SHA-256 of a file, as lower-case hexadecimal: what a recipe names weights by.</summary>
    public static string DigestOf(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static IReadOnlyList<float> Three(ParseResult parsed, Option<string?> option, IReadOnlyList<float> known, double least)
    {
        string? text = parsed.GetValue(option);
        if (text is null)
        {
            return known;
        }

        float[] values = [.. text.Split(',').Select(part => float.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) ? value : float.NaN)];
        return values.Length == 3 && values.All(value => float.IsFinite(value) && value >= (float)least)
            ? values
            : throw new ArgumentException($"{option.Name}: three numbers such as 0.485,0.456,0.406, not '{text}'");
    }

    /// <summary>A network of another tool.</summary>
    /// <param name="Network">As its file has it.</param>
    /// <param name="Normalisation">How it wants pixels normalised, in RGB order.</param>
    /// <param name="IsBgr">Whether it reads blue first.</param>
    /// <param name="StridesFirst">Where its bottlenecks' strides lie.</param>
    /// <param name="Digest">SHA-256 of the file, as lower-case hexadecimal.</param>
    internal sealed record Start(ImportedNetwork Network, Normalisation Normalisation, bool IsBgr, bool StridesFirst, string Digest)
    {
        /// <summary>The recipe with what follows from the network.</summary>
        public TrainingOptions Complete(TrainingOptions options) => options with
        {
            StridesFirst = StridesFirst,
            Normalisation = ImportedNetwork.Normalised(Normalisation),
        };

        /// <summary>The network to begin with.</summary>
        public LcNet ToNetwork(ResNetSpec spec) => Network.ToNetwork(spec, Normalisation, IsBgr);
    }
}
