using System.Diagnostics;
using System.Globalization;
using LCNet.Training.Recipe;
using Spectre.Console;

namespace LCNet.Cli.Train;

/// <summary>
/// Shows a training: a bar with loss, accuracy, FLOPs share, images a second and time left on a terminal, a line an epoch elsewhere and in the run's log.
/// </summary>
internal sealed class TrainingDisplay : IDisposable
{
    private const int BarWidth = 24;
    private readonly StreamWriter _log;
    private readonly bool _interactive = AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TrainingProgress? _first;
    private TrainingProgress? _last;

    public TrainingDisplay(string logFile) => _log = new StreamWriter(logFile, append: true) { AutoFlush = true };

    public void Step(TrainingProgress progress)
    {
        _first ??= progress;
        _last = progress;
        if (_interactive)
        {
            int filled = BarWidth * progress.Step / progress.Steps;
            Console.Write($"\r{new string('━', filled)}{new string('─', BarWidth - filled)} {Describe(progress)}, {Pace(progress)} \u001b[K");
        }
    }

    public void Epoch(int epoch, Evaluation validation)
    {
        string line = $"{(_last is null ? $"epoch {epoch}" : Describe(_last))}; validation top-1 {validation.Accuracy:P2} at {validation.FlopsShare:P1} of dense FLOPs, "
            + $"blocks run {string.Join(' ', validation.RunRates.Select(rate => rate.ToString("P0", CultureInfo.InvariantCulture)))}";
        Console.WriteLine($"{(_interactive ? "\r\u001b[K" : string.Empty)}{line}{(_last is null ? string.Empty : $"; {Pace(_last)}")}");
        _log.WriteLine($"{DateTimeOffset.Now:u} {line}");
    }

    public void Dispose() => _log.Dispose();

    private static string Describe(TrainingProgress progress) =>
        $"epoch {progress.Epoch}/{progress.Epochs}, loss {progress.Loss:F3}, accuracy {progress.Accuracy:P1}, FLOPs {progress.FlopsShare:P1}";

    // From the steps that this process has seen, evaluations between them included: a resumed run knows nothing of the time before.
    private string Pace(TrainingProgress progress)
    {
        TimeSpan ofStep = _clock.Elapsed / (Done(progress) - Done(_first!) + 1);
        long left = ((long)progress.Epochs * progress.Steps) - Done(progress);
        return $"{progress.BatchSize / ofStep.TotalSeconds:F0} images/s, {ofStep * left:d\\.hh\\:mm\\:ss} left";
    }

    private static long Done(TrainingProgress progress) => ((progress.Epoch - 1L) * progress.Steps) + progress.Step;
}
