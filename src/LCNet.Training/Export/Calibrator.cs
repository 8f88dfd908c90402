using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Recipe;

namespace LCNet.Training.Export;

/// <summary>Measures what each effort costs and gives on validation images, and how often it agrees with the whole network.</summary>
public static class Calibrator
{
    /// <summary>The efforts of a calibration table: 0.2 to 1 in steps of 0.1.</summary>
    public static IReadOnlyList<double> DefaultEfforts { get; } = [.. Enumerable.Range(2, 9).Select(tenths => tenths / 10.0)];

    /// <summary>Runs the images at each effort.</summary>
    /// <param name="network">Put into evaluation mode.</param>
    /// <param name="indices">Which of them, at least one.</param>
    /// <param name="normalisation">As in training.</param>
    /// <param name="efforts">In (0, 1], ascending, the last one 1.</param>
    /// <returns>
    /// A point for each effort, but for those that cost no less than a higher one: the table's FLOPs rise with effort.
    /// </returns>
    public static IReadOnlyList<CalibrationPoint> Measure(
        LcNet network, ImageSet images, IReadOnlyList<int> indices, Normalisation normalisation, IReadOnlyList<double> efforts)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(efforts);
        IReadOnlyList<long> dense = Evaluation.Of(network, images, indices, normalisation, effort: null).Predicted;
        var points = new List<CalibrationPoint>();
        foreach (double effort in efforts.Reverse())
        {
            CalibrationPoint point = Measure(network, images, indices, normalisation, effort, dense);
            if (points.Count == 0 || point.MeanFlops < points[^1].MeanFlops)
            {
                points.Add(point);
            }
        }

        points.Reverse();
        return points;
    }

    /// <summary>Which inner channels of each block some image keeps at some effort; one where there is none.</summary>
    /// <param name="network">Put into evaluation mode.</param>
    /// <param name="indices">Which of them, at least one.</param>
    /// <param name="normalisation">As in training.</param>
    /// <param name="efforts">In (0, 1].</param>
    /// <returns>For each block the ascending indices of its channels.</returns>
    public static IReadOnlyList<long[]> UsedChannels(
        LcNet network, ImageSet images, IReadOnlyList<int> indices, Normalisation normalisation, IReadOnlyList<double> efforts)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(efforts);
        List<IReadOnlyList<bool[]>> used = [.. efforts.Select(effort => Evaluation.Of(network, images, indices, normalisation, effort).UsedChannels)];
        return [.. Enumerable.Range(0, network.Blocks.Count).Select(block =>
        {
            long[] channels = [.. Enumerable.Range(0, network.Blocks[block].Shape.InnerChannels).Where(channel => used.Any(at => at[block][channel])).Select(channel => (long)channel)];
            return channels.Length > 0 ? channels : [0L];
        })];
    }

    private static CalibrationPoint Measure(
        LcNet network, ImageSet images, IReadOnlyList<int> indices, Normalisation normalisation, double effort, IReadOnlyList<long> dense)
    {
        Evaluation evaluation = Evaluation.Of(network, images, indices, normalisation, effort);
        FlopsSummary flops = FlopsSummary.Of(evaluation.Flops);
        return new CalibrationPoint(
            effort, flops.Mean, flops.P95, evaluation.Accuracy, CalibrationPoint.StandardError(evaluation.Accuracy, indices.Count))
        {
            Agreement = evaluation.Predicted.Zip(dense).Count(both => both.First == both.Second) / (double)indices.Count,
            AgreementImages = indices.Count,
        };
    }
}
