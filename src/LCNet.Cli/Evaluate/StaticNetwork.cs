using LCNet.Bundles;

namespace LCNet.Cli.Evaluate;

/// <summary>A network without gates, as another is compared with it.</summary>
/// <param name="Bundle">Where its weights are.</param>
/// <param name="Flops">Of an image.</param>
/// <param name="Top1">On the validation images, in [0, 1].</param>
internal sealed record StaticNetwork(Bundle Bundle, long Flops, double Top1)
{
    /// <summary>Name and version.</summary>
    public string Name => $"{Bundle.Manifest.Model}/{Bundle.Manifest.Version}";

    /// <summary>Opens a bundle that was trained without gates.</summary>
    /// <exception cref="BundleException">It is no sound bundle.</exception>
    /// <exception cref="ArgumentException">It has gates: then its table does not say how well its static network does.</exception>
    public static StaticNetwork Open(string folder)
    {
        Bundle bundle = Bundle.Open(folder);
        CalibrationPoint point = bundle.Manifest.Calibration[^1];
        return bundle.Manifest.Calibration.Count == 1 && point.MeanFlops >= bundle.Flops.Dense
            ? new StaticNetwork(bundle, bundle.Flops.Dense, point.Top1)
            : throw new ArgumentException($"--against takes networks without gates (lcnet train --gates none); {folder} has gates.");
    }
}
