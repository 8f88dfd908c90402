using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Training.Data;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Export;

/// <summary>Bundles of ImageNet ResNets with random weights, whose gates decide at random by image: for measuring at a scale for which there is no data.</summary>
public static class SyntheticBundle
{
    private const int Classes = 1000;
    private const int Images = 32;

    /// <summary>Writes a bundle.</summary>
    /// <param name="depth">18, 34 or 50.</param>
    /// <param name="runRate">Share of images that run each block, in [0.05, 0.95].</param>
    /// <param name="keep">Share of channels that an image keeps in each block, in [0.01, 0.99].</param>
    /// <param name="span">Which blocks a gate decides at once.</param>
    /// <exception cref="ArgumentException">A value is out of range.</exception>
    public static Bundle Write(int depth, double runRate, double keep, string folder, GateSpan span = GateSpan.Block)
    {
        if (!(runRate is >= 0.05 and <= 0.95) || !(keep is >= 0.01 and <= 0.99))
        {
            throw new ArgumentException($"Run rates lie in [0.05, 0.95] and shares of channels in [0.01, 0.99], not {runRate} and {keep}.");
        }

        manual_seed(1);
        ResNetSpec spec = ResNetSpec.ImageNet(depth, 64, Classes, span);
        using var network = new LcNet(spec);
        var normalisation = new Normalisation([0.5f, 0.5f, 0.5f], [0.25f, 0.25f, 0.25f]);
        SetStatistics(network, normalisation, runRate, keep);
        return BundleExporter.Write(
            network,
            new BundleDescription
            {
                Model = $"synthetic-resnet{depth}",
                Version = 1,
                Labels = [.. Enumerable.Range(0, Classes).Select(label => $"class {label}")],
                Normalisation = normalisation,
                Calibration = [new CalibrationPoint(1, network.Cost.Dense, network.Cost.Dense, 0, 0)],
                Provenance = new Provenance("nothing: its weights are random", "none", new Dictionary<string, string>(), 1, 0, "lcnet bench"),
            },
            folder);
    }

    // Batch norm in training mode standardises by the batch, so that one pass gives the statistics of every layer.
    private static void SetStatistics(LcNet network, Normalisation normalisation, double runRate, double keep)
    {
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        int size = network.Spec.InputSize;
        var input = new InputSpec(size, size, InputSpec.Rgb, normalisation.Mean, normalisation.Std, InputSpec.FitCrop);
        var random = new Random(1);
        Tensor batch = tensor([.. Enumerable.Range(0, Images).SelectMany(_ => RandomImage.Make(input, random))], Images, 3, size, size);
        network.train();
        network.TakeStatisticsFromOneBatch();
        network.BlockInputs(batch);
        network.eval();
        network.OpenGatesAtRandom(batch, runRate, keep);
    }
}
