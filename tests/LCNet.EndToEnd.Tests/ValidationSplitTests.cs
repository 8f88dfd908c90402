using System.Globalization;
using System.Text.Json;
using LCNet.Bundles;
using LCNet.V1;

namespace LCNet.EndToEnd.Tests;

/// <summary>
/// The claims of the shipped bundle on the whole validation split. They need the training images, which are not in the repository:
/// set LCNET_CIFAR10 to the folder with one sub-folder a class.
/// </summary>
public sealed class ValidationSplitTests(ServerProcess server)
{
    private static readonly string? Data = Environment.GetEnvironmentVariable("LCNET_CIFAR10");
    private static readonly Lazy<Task<(JsonElement Full, JsonElement Half, string[] Files)>> Reports = new(RunEvaluate);

    [Fact]
    public async Task Evaluate_ValidationSplit_IsWhatTheBundleClaims()
    {
        (JsonElement full, JsonElement half, _) = await Evaluate();
        BundleManifest manifest = Bundle.Open(Repository.Bundle).Manifest;

        AssertEqual(manifest.Calibration.Single(point => point.Effort == 1), full);
        AssertEqual(manifest.Calibration.Single(point => point.Effort == 0.5), half);
        Assert.InRange(full.GetProperty("mean_flops").GetDouble() / manifest.Dense.Flops, 0, 0.6);
        Assert.InRange(half.GetProperty("mean_flops").GetDouble(), 0, 0.8 * full.GetProperty("mean_flops").GetDouble());
    }

    [Fact]
    public async Task Evaluate_ValidationSplit_AtLeastHalfOfTheLayerGatesDecideByImage()
    {
        (JsonElement full, _, _) = await Evaluate();

        double[] runRates = [.. full.GetProperty("run_rates").EnumerateArray().Select(rate => rate.GetDouble())];
        Assert.InRange(runRates.Count(rate => rate is >= 0.02 and <= 0.98), (runRates.Length + 1) / 2, runRates.Length);
    }

    [Fact]
    public async Task Classify_ValidationSplit_IsAsAccurateAsEvaluatePrinted()
    {
        (JsonElement full, _, string[] files) = await Evaluate();
        int right = 0;
        var flops = new HashSet<long>();
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (file, _) =>
        {
            ClassifyResponse reply = await server.ClassifyAsync(file);
            lock (flops)
            {
                flops.Add(reply.Compute.PlannedFlops);
                right += Path.GetFileName(Path.GetDirectoryName(file)) == reply.Predictions[0].Label ? 1 : 0;
            }
        });

        double top1 = (double)right / files.Length;
        TestContext.Current.SendDiagnosticMessage(
            $"{files.Length} files: top-1 {top1.ToString("P2", CultureInfo.InvariantCulture)} over gRPC, {flops.Count} different FLOPs bills");
        Assert.InRange(top1, full.GetProperty("top1").GetDouble() - 0.005, full.GetProperty("top1").GetDouble() + 0.005);
        Assert.InRange(flops.Count, 100, files.Length);
    }

    // The table was measured by TorchSharp, this by the engine that serves: a logit's last digits may tip an image over.
    private static void AssertEqual(CalibrationPoint claimed, JsonElement measured)
    {
        Assert.Equal(claimed.Top1, measured.GetProperty("top1").GetDouble(), 0.001);
        Assert.Equal(claimed.MeanFlops, measured.GetProperty("mean_flops").GetDouble(), 0.001 * claimed.MeanFlops);
    }

    private static async Task<(JsonElement Full, JsonElement Half, string[] Files)> Evaluate()
    {
        Assert.SkipWhen(string.IsNullOrEmpty(Data), "LCNET_CIFAR10 is not set: the CIFAR-10 training images are not in the repository.");
        return await Reports.Value;
    }

    private static async Task<(JsonElement Full, JsonElement Half, string[] Files)> RunEvaluate()
    {
        string list = Path.GetTempFileName();
        try
        {
            (int exitCode, string output, string error) =
                await Repository.LcnetAsync("evaluate", Repository.Bundle, Data!, "--effort", "1", "0.5", "--list", list, "--json");
            Assert.True(exitCode == 0, error);
            JsonElement reports = JsonDocument.Parse(output).RootElement;
            return (reports[0], reports[1], await File.ReadAllLinesAsync(list));
        }
        finally
        {
            File.Delete(list);
        }
    }
}
