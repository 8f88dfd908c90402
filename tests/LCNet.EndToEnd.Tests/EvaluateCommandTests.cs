using System.Text.Json;
using System.Xml.Linq;
using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using SkiaSharp;

namespace LCNet.EndToEnd.Tests;

/// <summary><c>lcnet evaluate</c> on the shipped bundle and the sample images, against a recount with the engine.</summary>
public sealed class EvaluateCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lcnet-e2e-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Evaluate_EffortsAndCaps_EqualsARecount()
    {
        Bundle bundle = Bundle.Open(Repository.Bundle);
        long cap = (bundle.Flops.Minimum + bundle.Flops.Dense) / 2;
        JsonElement[] measured = await Json("--effort", "1", "0.5", "--max-flops", $"{cap}", $"{bundle.Flops.Minimum}");

        using InferenceEngine engine = InferenceEngine.Load(bundle, new EngineOptions());
        Assert.Equal(4, measured.Length);
        await AssertRecount(measured[0], engine, 1, Planner.NoCap);
        await AssertRecount(measured[1], engine, 0.5, Planner.NoCap);
        await AssertRecount(measured[2], engine, engine.Efforts.EffortFor(cap), cap);
        await AssertRecount(measured[3], engine, engine.Efforts.EffortFor(bundle.Flops.Minimum), bundle.Flops.Minimum);
        Assert.Equal(1, measured[0].GetProperty("effort").GetDouble());
        Assert.Equal(cap, measured[2].GetProperty("max_flops").GetInt64());
        Assert.True(measured[2].GetProperty("most_flops").GetInt64() <= cap);
        Assert.Equal(bundle.Flops.Minimum, measured[3].GetProperty("most_flops").GetInt64());
    }

    [Fact]
    public async Task Evaluate_Plot_DrawsThreePicturesThatCanBeRead()
    {
        string pictures = Path.Combine(_folder, "pictures");
        _ = await Json("--effort", "1", "0.5", "--plot", pictures);

        foreach (string name in new[] { "accuracy", "flops", "channels" })
        {
            using SKBitmap bitmap = SKBitmap.Decode(Path.Combine(pictures, name + ".png"));
            Assert.Equal((900, 560), (bitmap.Width, bitmap.Height));
            Assert.True(bitmap.Pixels.Distinct().Count() > 50, $"{name}.png is all but empty");
            Assert.Equal("svg", XDocument.Load(Path.Combine(pictures, name + ".svg")).Root!.Name.LocalName);
        }
    }

    [Fact]
    public async Task Evaluate_Card_HasTheFiguresThatWereMeasured()
    {
        string card = Path.Combine(_folder, "card.md");
        JsonElement measured = (await Json("--card", card))[0];

        string text = await File.ReadAllTextAsync(card, TestContext.Current.CancellationToken);
        Bundle bundle = Bundle.Open(Repository.Bundle);
        Assert.Contains($"# {Repository.Model}, version 1", text, StringComparison.Ordinal);
        Assert.Contains(FormattableString.Invariant($"| effort 1 | {100 * measured.GetProperty("top1").GetDouble():F2} %"), text, StringComparison.Ordinal);
        Assert.Contains(bundle.Manifest.Provenance.Data, text, StringComparison.Ordinal);
        Assert.All(bundle.Manifest.Labels, label => Assert.Contains($"| {label} | ", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--effort", "0")]
    [InlineData("--effort", "1.5")]
    [InlineData("--max-flops", "1")]
    public async Task Evaluate_SettingOutOfRange_IsNamed(string option, string value)
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("evaluate", Repository.Bundle, Repository.Samples, "--split", "all", option, value);
        Assert.Equal(1, exitCode);
        Assert.Contains(option, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--effort", "0.5")]
    [InlineData("--max-flops", "100000000")]
    [InlineData("--split", "all")]
    public async Task Evaluate_CalibrateWithOtherSettings_IsRefused(string option, string value)
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("evaluate", Repository.Bundle, Repository.Samples, "--calibrate", option, value);
        Assert.Equal(1, exitCode);
        Assert.Contains("--calibrate", error, StringComparison.Ordinal);
    }

    private static async Task<JsonElement[]> Json(params string[] arguments)
    {
        (int exitCode, string output, string error) =
            await Repository.LcnetAsync(["evaluate", Repository.Bundle, Repository.Samples, "--split", "all", "--json", .. arguments]);
        Assert.True(exitCode == 0, error);
        return [.. JsonDocument.Parse(output).RootElement.EnumerateArray()];
    }

    private static async Task AssertRecount(JsonElement measured, InferenceEngine engine, double effort, long cap)
    {
        BundleManifest manifest = engine.Bundle.Manifest;
        using EngineSession session = engine.CreateSession();
        InferenceResult result = engine.CreateResult();
        byte[] pixels = new byte[manifest.Input.Length];
        float[] input = new float[manifest.Input.Length];
        InferenceResult whole = engine.CreateResult();
        var flops = new List<long>();
        int same = 0;
        int[] right = new int[manifest.Labels.Count];
        int[] runs = new int[manifest.Blocks.Count];
        int perClass = 0;
        foreach ((int label, string name) in manifest.Labels.Index())
        {
            string[] files = Directory.GetFiles(Path.Combine(Repository.Samples, name));
            perClass = files.Length;
            foreach (string file in files)
            {
                ImageDecoder.Decode(await File.ReadAllBytesAsync(file), manifest.Input.Width, manifest.Input.Height, new ImageLimits(), pixels);
                Pixels.Normalise(pixels, manifest.Input.Mean, manifest.Input.Std, input);
                session.Run(input, effort, cap, result, TestContext.Current.CancellationToken);
                session.RunOpen(input, whole, isWanted: null, TestContext.Current.CancellationToken);
                same += result.Logits.IndexOf(result.Logits.ToArray().Max()) == whole.Logits.IndexOf(whole.Logits.ToArray().Max()) ? 1 : 0;
                flops.Add(result.Plan.Flops);
                right[label] += result.Logits.IndexOf(result.Logits.ToArray().Max()) == label ? 1 : 0;
                for (int block = 0; block < runs.Length; block++)
                {
                    runs[block] += result.Plan.Runs(block) ? 1 : 0;
                }
            }
        }

        Assert.Equal(flops.Count, measured.GetProperty("images").GetInt32());
        Assert.Equal(right.Sum() / (double)flops.Count, measured.GetProperty("top1").GetDouble(), 1e-12);
        Assert.Equal(same / (double)flops.Count, measured.GetProperty("agreement").GetDouble(), 1e-12);
        Assert.Equal(flops.Average(), measured.GetProperty("mean_flops").GetDouble(), 1e-3);
        Assert.Equal(flops.Max(), measured.GetProperty("most_flops").GetInt64());
        Assert.Equal(right.Select(count => count / (double)perClass), measured.GetProperty("top1_per_class").EnumerateArray().Select(value => value.GetDouble()));
        Assert.Equal(runs.Select(count => count / (double)flops.Count), measured.GetProperty("run_rates").EnumerateArray().Select(value => value.GetDouble()));
    }
}
