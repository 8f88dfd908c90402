using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LCNet.Bundles;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;

namespace LCNet.Cli.Bench;

/// <summary>What an image takes at each calibrated effort on this machine, for the bundle's table: so an effort can be chosen by time, not only by FLOPs.</summary>
internal static class EffortTimes
{
    /// <summary>This machine in words.</summary>
    public static string Machine() =>
        $"{Environment.ProcessorCount} cores, {RuntimeInformation.ProcessArchitecture}, vectors of {(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128)} bits, {RuntimeInformation.FrameworkDescription}";

    /// <summary>Times each effort on one thread: efforts take turns of a few images, and an image's time is the median over the alternations.</summary>
    /// <param name="bundle">Its calibration table says which efforts.</param>
    /// <param name="device">Where it runs: by the SIMD executor on a CPU, by ONNX Runtime elsewhere.</param>
    /// <param name="images">Normalised inputs, such as gates were calibrated on.</param>
    /// <param name="repetitions">Alternations, at least 1.</param>
    /// <returns>The manifest with times in its table.</returns>
    public static BundleManifest Measure(Bundle bundle, ComputeDevice device, float[][] images, int repetitions, CancellationToken cancellation)
    {
        BundleManifest manifest = bundle.Manifest;
        Contender[] contenders = [.. manifest.Calibration.Select(point => Contender.Gated(
            string.Empty, bundle, device.IsCuda ? new OnnxExecutor(bundle, device) : new SimdExecutor(bundle), new BenchSetting(string.Empty, point.Effort), images))];
        try
        {
            AlternationTimes times = new Alternation(images.Length, repetitions).OneThread(contenders, cancellation);
            return manifest with
            {
                Calibration = [.. manifest.Calibration.Select((point, i) => point with { Milliseconds = Math.Round(1e3 * Statistics.Median(times.Totals[i]) / images.Length, 4) })],
                TimedOn = $"{(device.IsCuda ? "CUDA" : "one thread")} of {Machine()}",
            };
        }
        finally
        {
            Array.ForEach(contenders, contender => contender.Dispose());
        }
    }
}
