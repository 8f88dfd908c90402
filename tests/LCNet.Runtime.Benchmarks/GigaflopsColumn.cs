using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace LCNet.Runtime.Benchmarks;

/// <summary>FLOPs of a convolution's definition a second, from the median: with Winograd's algorithm it may exceed what the core can multiply and add.</summary>
internal sealed class GigaflopsColumn : IColumn
{
    /// <inheritdoc/>
    public string Id => nameof(GigaflopsColumn);

    /// <inheritdoc/>
    public string ColumnName => "GFLOP/s";

    /// <inheritdoc/>
    public bool AlwaysShow => true;

    /// <inheritdoc/>
    public ColumnCategory Category => ColumnCategory.Statistics;

    /// <inheritdoc/>
    public int PriorityInCategory => 0;

    /// <inheritdoc/>
    public bool IsNumeric => true;

    /// <inheritdoc/>
    public UnitType UnitType => UnitType.Dimensionless;

    /// <inheritdoc/>
    public string Legend => "FLOPs of the convolution's definition in a second";

    /// <inheritdoc/>
    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
        benchmarkCase.Parameters[nameof(ConvolutionBenchmarks.Shape)] is ConvolutionShape shape && summary[benchmarkCase]?.ResultStatistics is { } statistics
            ? (shape.Flops() / statistics.Median).ToString("F1", CultureInfo.InvariantCulture)
            : "–";

    /// <inheritdoc/>
    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    /// <inheritdoc/>
    public bool IsAvailable(Summary summary) => true;

    /// <inheritdoc/>
    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;
}
