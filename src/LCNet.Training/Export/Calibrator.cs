using LCNet.Bundles;
using LCNet.Training.Data;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Export;

/// <summary>Measures what each effort costs and gives on validation images.</summary>
public static class Calibrator
{
    /// <summary>The efforts of a calibration table: 0.2 to 1 in steps of 0.1.</summary>
    public static IReadOnlyList<double> DefaultEfforts { get; } = [.. Enumerable.Range(2, 9).Select(tenths => tenths / 10.0)];

    /// <summary>Runs the images at each effort.</summary>
    /// <param name="network">Put into evaluation mode.</param>
    /// <param name="images">Where the images are.</param>
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
        network.eval();
        var points = new List<CalibrationPoint>();
        foreach (double effort in efforts.Reverse())
        {
            CalibrationPoint point = Measure(network, images, indices, normalisation, effort);
            if (points.Count == 0 || point.MeanFlops < points[^1].MeanFlops)
            {
                points.Add(point);
            }
        }

        points.Reverse();
        return points;
    }

    private static CalibrationPoint Measure(LcNet network, ImageSet images, IReadOnlyList<int> indices, Normalisation normalisation, double effort)
    {
        using var noGrad = no_grad();
        var reader = new BatchReader(images, normalisation);
        var flops = new List<long>(indices.Count);
        long right = 0;
        foreach (int[] batch in indices.Chunk(250))
        {
            using var scope = NewDisposeScope();
            (Tensor x, Tensor labels) = reader.Read(batch, Augmentation.None, Random.Shared);
            LcNetOutput output = network.Forward(x, full(batch.Length, 1, effort));
            right += output.Logits.argmax(1).eq(labels).sum().ToInt64();
            flops.AddRange(PlannedFlops(network, output));
        }

        flops.Sort();
        return new CalibrationPoint(effort, flops.Average(), flops[(int)Math.Ceiling(0.95 * flops.Count) - 1], (double)right / indices.Count);
    }

    /// <summary>FLOPs of each image of a forward pass, exactly.</summary>
    internal static long[] PlannedFlops(LcNet network, LcNetOutput output)
    {
        long[] flops = new long[output.Logits.shape[0]];
        Array.Fill(flops, network.Cost.Cheapest);
        for (int block = 0; block < output.Layers.Count; block++)
        {
            BlockFlops cost = network.Cost.Blocks[block];
            using Tensor kept = ((output.Layers[block] > 0).to_type(ScalarType.Int64) * (output.Channels[block] > 0).sum(1)).contiguous();
            long[] channels = kept.data<long>().ToArray();
            for (int i = 0; i < flops.Length; i++)
            {
                flops[i] += cost.At((int)channels[i]) - cost.Shortcut;
            }
        }

        return flops;
    }
}
