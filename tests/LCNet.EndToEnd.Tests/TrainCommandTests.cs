using System.Diagnostics;
using System.Runtime.InteropServices;
using LCNet.Bundles;

namespace LCNet.EndToEnd.Tests;

/// <summary><c>lcnet train</c> as a user runs it: a folder of images in, a bundle out that the other commands read.</summary>
public sealed class TrainCommandTests : IDisposable
{
    private const int Interrupt = 2;

    private static readonly string[] Recipe =
        ["--stages", "1x4,1x8,1x16", "--dense-share", "0.5", "--batch", "16", "--validation", "0.2", "--threads", "1"];

    private readonly string _folder = Directory.CreateTempSubdirectory("lcnet-e2e-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Train_FolderOfImages_WritesABundleThatEvaluatesToItsOwnTable()
    {
        (int exitCode, string output, string error) = await Train(Repository.Samples);
        Assert.True(exitCode == 0, error);
        Assert.Contains("0 decisions differ", output, StringComparison.Ordinal);

        var bundle = Bundle.Open(Path.Combine(_folder, "models", "tiny", "1"));
        Assert.Equal(10, bundle.Manifest.Labels.Count);
        Assert.Equal("1x4,1x8,1x16", bundle.Manifest.Provenance.Recipe["stages"]);
        CalibrationPoint claimed = bundle.Manifest.Calibration[^1];
        (int evaluated, string report, string failure) = await Repository.LcnetAsync("evaluate", bundle.Folder, Repository.Samples, "--json");
        Assert.True(evaluated == 0, failure);
        Assert.Contains($"\"mean_flops\": {claimed.MeanFlops}", report, StringComparison.Ordinal);

        // A bundle of before knows nothing of agreement until it is measured.
        Bundle.Write(bundle.Folder, bundle.Manifest with { Calibration = [.. bundle.Manifest.Calibration.Select(point => point with { Agreement = null, AgreementImages = null })] });
        (int calibrated, _, string problem) = await Repository.LcnetAsync("evaluate", bundle.Folder, Repository.Samples, "--calibrate");
        Assert.True(calibrated == 0, problem);
        Assert.Equal(bundle.Manifest.Calibration, Bundle.Open(bundle.Folder).Manifest.Calibration);
    }

    [Fact]
    public async Task Train_Interrupted_StopsAndKeepsItsCheckpoint()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Interrupts with SIGINT, which Windows does not have.");
        }

        using Process process = Repository.StartLcnet([.. Arguments(Repository.Samples, epochs: 100_000)]);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            string checkpoint = Path.Combine(_folder, "run", "checkpoint.zip");
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            limit.CancelAfter(TimeSpan.FromMinutes(4));
            while (!File.Exists(checkpoint) && !process.HasExited)
            {
                await Task.Delay(100, limit.Token);
            }

            Assert.Equal(0, Signal(process.Id, Interrupt));
            await process.WaitForExitAsync(limit.Token);

            Assert.Equal(130, process.ExitCode);
            Assert.Contains("Stopped.", await error, StringComparison.Ordinal);
            Assert.DoesNotContain("Calibrating", await output, StringComparison.Ordinal);
            Assert.True(File.Exists(checkpoint));
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    [Fact]
    public async Task Train_EverythingWrong_SaysAllOfItBeforeItReadsAnImage()
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync(
            "train", Path.Combine(_folder, "nowhere"), "--name", "Not A Name", "--stages", "9", "--epochs", "0");

        Assert.Equal(1, exitCode);
        Assert.Contains("name:", error, StringComparison.Ordinal);
        Assert.Contains("stages:", error, StringComparison.Ordinal);
        Assert.Contains("epochs:", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_UnreadableFile_IsNamed()
    {
        string data = Path.Combine(_folder, "data");
        foreach (string label in new[] { "cat", "dog" })
        {
            Directory.CreateDirectory(Path.Combine(data, label));
            await File.WriteAllTextAsync(Path.Combine(data, label, "broken.jpg"), "no image", TestContext.Current.CancellationToken);
        }

        (int exitCode, _, string error) = await Train(data);

        Assert.Equal(1, exitCode);
        Assert.Contains("broken.jpg", error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> Train(string data) => Repository.LcnetAsync(Arguments(data, epochs: 2));

    private string[] Arguments(string data, int epochs) =>
    [
        "train", data, "--name", "tiny", "--output", Path.Combine(_folder, "models"), "--run", Path.Combine(_folder, "run"), "--epochs", $"{epochs}", .. Recipe,
    ];

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
