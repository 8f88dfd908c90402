using System.Text.Json;
using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.V1;

namespace LCNet.EndToEnd.Tests;

/// <summary>The shipped bundle on the validation images that the repository ships: real files, the real server, the real command line.</summary>
public sealed class ShippedBundleTests(ServerProcess server)
{
    private static readonly string[] Files = [.. Directory.GetFiles(Repository.Samples, "*.jpg", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    [Fact]
    public void Manifest_ShippedBundle_IsAsAccurateAndCheapAsItShould()
    {
        BundleManifest manifest = Bundle.Open(Repository.Bundle).Manifest;
        CalibrationPoint full = manifest.Calibration[^1];
        Assert.InRange(full.Top1, 0.905, 1);
        Assert.InRange(full.MeanFlops, 1, 0.6 * manifest.Dense.Flops);
        Assert.InRange(manifest.Calibration.Single(point => point.Effort == 0.5).MeanFlops, 1, 0.8 * full.MeanFlops);
    }

    [Fact]
    public void Segments_EveryGateOpen_EqualTheStaticNetwork()
    {
        var bundle = Bundle.Open(Repository.Bundle);
        InputSpec input = bundle.Manifest.Input;
        ComputeDevice device = ComputeDevice.Parse("cpu");
        using var executor = new OnnxExecutor(bundle, device);
        using ISegmentLane lane = executor.CreateLane();
        using var dense = new DenseNetwork(bundle, device);
        var dispatcher = new Dispatcher(bundle, lane);
        byte[] rgb = new byte[input.Length];
        float[] image = new float[input.Length];
        var open = new InferenceResult(bundle.Manifest);
        float[] expected = new float[bundle.Manifest.Labels.Count];
        foreach (string file in Files)
        {
            ImageDecoder.Decode(File.ReadAllBytes(file), input.Width, input.Height, ImageLimits.Default, rgb);
            Pixels.Normalise(rgb, input.Mean, input.Std, image);
            dispatcher.RunOpen(image, open);
            dense.Run(image, expected);
            Assert.All(expected.Zip(open.Logits.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        }
    }

    [Fact]
    public async Task Evaluate_ImagesThatItWasNotTrainedOn_HaveNoValidationSplit()
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("evaluate", Repository.Bundle, Repository.Samples);

        Assert.Equal(1, exitCode);
        Assert.Contains("--split all", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Classify_SampleFiles_AreMostlyRightAndDifferInFlops()
    {
        ClassifyResponse[] replies = await ClassifyAll();

        // 100 files at 91 %: fewer than 75 right would be five standard deviations off.
        int right = Files.Zip(replies).Count(pair => IsRight(pair.First, pair.Second));
        Assert.InRange(right, 75, Files.Length);
        Assert.InRange(replies.Select(reply => reply.Compute.PlannedFlops).Distinct().Count(), 10, Files.Length);
        Assert.All(replies, reply => Assert.Equal(reply.Compute.PlannedFlops, reply.Compute.ExecutedFlops));
        Assert.All(replies, reply => Assert.InRange(reply.Compute.PlannedFlops, 1, reply.Compute.DenseFlops));
    }

    [Fact]
    public async Task Classify_HalfEffort_CostsVisiblyLess()
    {
        ClassifyResponse[] full = await ClassifyAll();
        ClassifyResponse[] half = await ClassifyAll(request => request.Effort = 0.5);

        Assert.True(half.Average(reply => reply.Compute.PlannedFlops) < 0.8 * full.Average(reply => reply.Compute.PlannedFlops));
    }

    [Fact]
    public async Task Classify_SameFiles_GivesWhatEvaluatePrints()
    {
        ClassifyResponse[] replies = await ClassifyAll();
        (int exitCode, string output, string error) = await Repository.LcnetAsync("evaluate", Repository.Bundle, Repository.Samples, "--split", "all", "--json");

        Assert.True(exitCode == 0, error);
        JsonElement report = JsonDocument.Parse(output).RootElement[0];
        Assert.Equal(Files.Length, report.GetProperty("images").GetInt32());
        Assert.Equal(Files.Zip(replies).Count(pair => IsRight(pair.First, pair.Second)) / (double)Files.Length, report.GetProperty("top1").GetDouble(), 9);
        Assert.Equal(replies.Average(reply => reply.Compute.PlannedFlops), report.GetProperty("mean_flops").GetDouble(), 3);
    }

    [Fact]
    public async Task ClassifyCommand_OnServerAndHere_PrintTheSame()
    {
        string[] files = Files[..5];
        (int serverExit, string onServer, string serverError) = await Repository.LcnetAsync(["classify", .. files, "--server", server.Address]);
        (int hereExit, string here, string hereError) = await Repository.LcnetAsync(["classify", .. files, "--bundle", Repository.Bundle]);

        Assert.True(serverExit == 0, serverError);
        Assert.True(hereExit == 0, hereError);
        Assert.Equal(WithoutTimes(here), WithoutTimes(onServer));
        Assert.Contains("MFLOPs", here, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_ShippedBundle_PrintsItsCosts()
    {
        (int exitCode, string output, string error) = await Repository.LcnetAsync("inspect", Repository.Bundle);

        Assert.True(exitCode == 0, error);
        var bundle = Bundle.Open(Repository.Bundle);
        Assert.Contains($"dense {bundle.Manifest.Dense.Flops}, ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_DamagedBundle_FailsWithOneLineThatNamesTheFile()
    {
        string copy = Directory.CreateTempSubdirectory("lcnet-e2e-").FullName;
        try
        {
            foreach (string file in Directory.GetFiles(Repository.Bundle))
            {
                File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            }

            byte[] bytes = File.ReadAllBytes(Path.Combine(copy, "block_01.onnx"));
            bytes[bytes.Length / 2] ^= 1;
            File.WriteAllBytes(Path.Combine(copy, "block_01.onnx"), bytes);
            (int exitCode, _, string error) = await Repository.LcnetAsync("inspect", copy);

            Assert.Equal(1, exitCode);
            Assert.Contains("block_01.onnx", Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    private static bool IsRight(string file, ClassifyResponse reply) =>
        Path.GetFileName(Path.GetDirectoryName(file)) == reply.Predictions[0].Label;

    private static string WithoutTimes(string output) =>
        string.Join('\n', output.Split('\n').Select(line => System.Text.RegularExpressions.Regex.Replace(line, " in [0-9]+ µs", string.Empty)));

    private async Task<ClassifyResponse[]> ClassifyAll(Action<ClassifyRequest>? change = null)
    {
        var replies = new ClassifyResponse[Files.Length];
        await Parallel.ForAsync(0, Files.Length, async (i, _) => replies[i] = await server.ClassifyAsync(Files[i], change));
        return replies;
    }
}
