using System.Globalization;
using System.Text.Json;

namespace LCNet.EndToEnd.Tests;

/// <summary><c>lcnet bench --against</c>: static networks are trained, and what it makes of its own measurements is calculated again here.</summary>
public sealed class BenchAgainstTests : IDisposable
{
    private static readonly string[] Recipe = ["--epochs", "2", "--batch", "16", "--validation", "0.5", "--threads", "1"];

    private readonly string _folder = Directory.CreateTempSubdirectory("lcnet-against-").FullName;

    [Fact]
    public async Task Bench_AgainstStaticNetworks_InterpolatesTheTimeForEqualAccuracy()
    {
        string gated = await TrainAsync("gated", "1x8,1x16,2x32", "--dense-share", "0.5");
        string[] statics = [await TrainAsync("small", "1x4,1x8", "--gates", "none"), await TrainAsync("large", "2x16,2x32", "--gates", "none", "--epochs", "12")];
        string json = Path.Combine(_folder, "report.json");

        (int exitCode, _, string error) = await Repository.LcnetAsync(
            ["bench", gated, "--against", .. statics, "--data", Repository.Samples, "--images", "20", "--repetitions", "1", "--json", json, "--plot", _folder]);

        Assert.True(exitCode == 0, error);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], (await File.ReadAllBytesAsync(Path.Combine(_folder, "speed.png"), TestContext.Current.CancellationToken))[..4]);
        JsonElement against = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken)).RootElement.GetProperty("against");
        (double Us, double Top1)[] line = [.. against.GetProperty("statics").EnumerateArray().Select(network =>
            (network.GetProperty("one_thread_us").GetDouble(), network.GetProperty("top1").GetDouble())).OrderBy(point => point.Item1)];
        Assert.Equal(2, line.Length);
        Assert.NotEmpty(against.GetProperty("efforts").EnumerateArray());
        foreach (JsonElement effort in against.GetProperty("efforts").EnumerateArray())
        {
            double top1 = effort.GetProperty("top1").GetDouble();
            JsonElement speed = effort.GetProperty("one_thread");
            bool between = top1 >= line[0].Top1 && top1 <= line[1].Top1 && (line[0].Top1 < line[1].Top1 || top1 == line[0].Top1);
            Assert.Equal(between, speed.ValueKind == JsonValueKind.Object);
            if (between)
            {
                double share = line[0].Top1 == line[1].Top1 ? 0 : (top1 - line[0].Top1) / (line[1].Top1 - line[0].Top1);
                double time = line[0].Us + (share * (line[1].Us - line[0].Us));
                Assert.Equal(time / effort.GetProperty("one_thread_us").GetDouble(), speed.GetProperty("ratio").GetDouble(), 1e-6);
            }
        }
    }

    [Fact]
    public async Task Bench_AgainstANetworkWithGates_IsRefused()
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("bench", Repository.Bundle, "--against", Repository.Bundle);
        Assert.Equal(1, exitCode);
        Assert.Contains("has gates", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bench_AgainstANetworkMeasuredOnOtherImages_IsRefused()
    {
        string other = await TrainAsync("other", "1x4,1x8", "--gates", "none");
        (int exitCode, _, string error) = await Repository.LcnetAsync("bench", Repository.Bundle, "--against", other);
        Assert.Equal(1, exitCode);
        Assert.Contains("other images", error, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<string> TrainAsync(string name, string stages, params string[] options)
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync(
            ["train", Repository.Samples, "--name", name, "--output", _folder, "--run", Path.Combine(_folder, "runs", name), "--stages", stages, .. Recipe.Where((_, i) => !options.Contains("--epochs") || i > 1), .. options]);
        Assert.True(exitCode == 0, error);
        return Path.Combine(_folder, name, 1.ToString(CultureInfo.InvariantCulture));
    }
}
