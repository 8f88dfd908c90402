namespace LCNet.Cli.Bench;

/// <summary>What a benchmark measured on one machine in one run.</summary>
/// <param name="Model">The bundle.</param>
/// <param name="Images">Different images.</param>
/// <param name="Repetitions">Alternations; ratios are medians over them.</param>
/// <param name="Machine">What it ran on.</param>
/// <param name="Settings">Results.</param>
/// <param name="Server">What a server costs besides; null where none was measured.</param>
/// <param name="Against">The bundle beside static networks; null where none was named, and with it there are no settings.</param>
/// <param name="Batches">Batches beside the static network; null where images ran by themselves alone.</param>
internal sealed record BenchReport(
    string Model, int Images, int Repetitions, string Machine, IReadOnlyList<SettingReport> Settings, ServerReport? Server = null, AgainstReport? Against = null, IReadOnlyList<BatchReport>? Batches = null);

/// <summary>A batch beside the same images as the static network, fused as batches are.</summary>
/// <param name="Images">Of the batch.</param>
/// <param name="ImagesPerSecond">Median over the alternations.</param>
/// <param name="StaticImagesPerSecond">Of the static network.</param>
/// <param name="TimeRatio">Time of the static network over its own: median over the alternations.</param>
/// <param name="Lowest">The lowest ratio of an alternation.</param>
/// <param name="Highest">The highest.</param>
/// <param name="ExecutedShare">FLOPs that were computed, padding included, over those of the static network.</param>
/// <param name="RealisedShare"><see cref="TimeRatio"/> times <see cref="ExecutedShare"/>: 1 where time follows FLOPs.</param>
/// <param name="Operations">That the device was given.</param>
/// <param name="StaticOperations">Those of the static network.</param>
/// <param name="Synchronisations">How often the host waited.</param>
internal sealed record BatchReport(
    int Images,
    double ImagesPerSecond,
    double StaticImagesPerSecond,
    double TimeRatio,
    double Lowest,
    double Highest,
    double ExecutedShare,
    double RealisedShare,
    long Operations,
    long StaticOperations,
    long Synchronisations);

/// <summary>Processor time of a server against that of its engine alone, decoding included in both.</summary>
/// <param name="Requests">In all.</param>
/// <param name="ServerUs">Processor time of the server's process a request in microseconds: median over the alternations.</param>
/// <param name="EngineUs">That of decoding and running an image.</param>
/// <param name="Ratio">The one over the other: median over the alternations.</param>
/// <param name="Lowest">The lowest ratio of an alternation.</param>
/// <param name="Highest">The highest.</param>
internal sealed record ServerReport(int Requests, double ServerUs, double EngineUs, double Ratio, double Lowest, double Highest, HttpReport? Http = null);

/// <summary>What the same requests cost the server by <c>POST /v1/classify</c>.</summary>
/// <param name="ServerUs">Processor time a request in microseconds: median over the alternations.</param>
/// <param name="Ratio">Over that by gRPC: median over the alternations.</param>
/// <param name="Lowest">The lowest ratio of an alternation.</param>
/// <param name="Highest">The highest ratio of an alternation.</param>
internal sealed record HttpReport(double ServerUs, double Ratio, double Lowest, double Highest);

/// <summary>Results at one setting of the dial.</summary>
/// <param name="Setting">The setting.</param>
/// <param name="FlopsReduction">FLOPs of the static network over mean planned FLOPs, gates included.</param>
/// <param name="MeanMflops">Mean planned FLOPs in millions.</param>
/// <param name="OneThread">Image by image on one thread.</param>
/// <param name="Saturated">As many threads as cores, an image each.</param>
internal sealed record SettingReport(
    string Setting, double FlopsReduction, double MeanMflops, IReadOnlyList<ContenderReport> OneThread, IReadOnlyList<ContenderReport> Saturated);

/// <summary>Results of one contender.</summary>
/// <param name="Name">The contender.</param>
/// <param name="TimeRatio">Time of the static network over its own: median over the alternations.</param>
/// <param name="Lowest">The lowest ratio of an alternation.</param>
/// <param name="Highest">The highest.</param>
/// <param name="RealisedShare"><see cref="TimeRatio"/> over the FLOPs reduction; null for the static network.</param>
/// <param name="ImagesPerSecond">Median over the alternations.</param>
/// <param name="P50Us">Median latency of an image in microseconds.</param>
/// <param name="P95Us">95th percentile.</param>
/// <param name="P99Us">99th percentile.</param>
/// <param name="BytesPerImage">Allocated managed memory; null where threads share the process's count.</param>
/// <param name="Correlation">Of an image's time (median over passes of this contender by itself) and its planned FLOPs; null where FLOPs do not vary or time was not taken apart.</param>
internal sealed record ContenderReport(
    string Name,
    double TimeRatio,
    double Lowest,
    double Highest,
    double? RealisedShare,
    double ImagesPerSecond,
    double P50Us,
    double P95Us,
    double P99Us,
    double? BytesPerImage,
    double? Correlation);
