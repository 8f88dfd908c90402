using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Training.Data;
using LCNet.Training.Export;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Export;

public class CalibratorTests
{
    private static readonly double[] Efforts = [0.25, 0.5, 1];

    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Stage)]
    public void Measure_CostRisesWithEffort_EqualsARecountThroughTheRuntime(BlockKind kind, GateSpan span)
    {
        using var folder = new TemporaryFolder();
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(kind, span) with { MinEffort = 0.25 }, 21);
        SetPrices(network, 0.5, -0.5);
        ImageSet images = RandomImages.Make(40, network.Spec.InputSize, 22);
        int[] indices = [.. Enumerable.Range(0, images.Count).Where(i => i % 5 != 0)];

        IReadOnlyList<CalibrationPoint> points = Calibrator.Measure(network, images, indices, RandomNetwork.Normalisation, Efforts);

        Assert.Equal(Efforts, points.Select(point => point.Effort));
        Assert.True(points[0].MeanFlops < points[1].MeanFlops && points[1].MeanFlops < points[2].MeanFlops);
        Bundle bundle = RandomNetwork.Export(network, folder.Path, calibration: points);
        Assert.All(points, point => AssertRecount(bundle, images, indices, point));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-0.4, 0.4)]
    public void Measure_MoreEffortCostsNoMore_KeepsOnlyEffortOne(double atLeast, double atOne)
    {
        using LcNet network = RandomNetwork.Make(RandomNetwork.Tiny(BlockKind.Basic, GateSpan.Block) with { MinEffort = 0.25 }, 23);
        SetPrices(network, atLeast, atOne);
        ImageSet images = RandomImages.Make(30, network.Spec.InputSize, 24);

        IReadOnlyList<CalibrationPoint> points =
            Calibrator.Measure(network, images, [.. Enumerable.Range(0, images.Count)], RandomNetwork.Normalisation, Efforts);

        Assert.Equal(1, Assert.Single(points).Effort);
    }

    [Fact]
    public void DefaultEfforts_AnyBundle_AscendToOne()
    {
        Assert.Equal([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1], Calibrator.DefaultEfforts);
    }

    private static void AssertRecount(Bundle bundle, ImageSet images, int[] indices, CalibrationPoint point)
    {
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        var open = new InferenceResult(bundle.Manifest);
        var flops = new List<long>();
        int right = 0;
        int same = 0;
        foreach (int index in indices)
        {
            float[] image = new float[bundle.Manifest.Input.Length];
            LCNet.Imaging.Pixels.Normalise(images.Pixels(index), RandomNetwork.Normalisation.Mean, RandomNetwork.Normalisation.Std, image);
            dispatcher.Run(image, point.Effort, Planner.NoCap, result);
            flops.Add(result.Plan.Flops);
            dispatcher.RunOpen(image, open);
            int predicted = Predictions.Top(result.Logits, 1)[0].Index;
            right += predicted == images.Label(index) ? 1 : 0;
            same += predicted == Predictions.Top(open.Logits, 1)[0].Index ? 1 : 0;
        }

        Assert.Equal(flops.Average(), point.MeanFlops, 1e-6);
        double top1 = (double)right / indices.Length;
        Assert.Equal(top1, point.Top1, 1e-12);
        Assert.Equal(((double)same / indices.Length, indices.Length), (point.Agreement, point.AgreementImages));

        // The deviation of right (1) and wrong (0) over all images, over the root of their number.
        double variance = ((right * Math.Pow(1 - top1, 2)) + ((indices.Length - right) * Math.Pow(top1, 2))) / indices.Length;
        Assert.Equal(Math.Sqrt(variance / indices.Length), point.Top1StandardError, 1e-12);

        // The 95th percentile is the least value that at least 95 % of the images do not exceed.
        long percentile = flops.Order().First(candidate => flops.Count(value => value <= candidate) >= 0.95 * flops.Count);
        Assert.Equal(percentile, point.P95Flops);
        Assert.True(flops.Distinct().Count() > 1);
    }

    private static void SetPrices(LcNet network, double atLeast, double atOne) =>
        network.Prices = [.. network.Prices.Select((point, i) => point with { Price = atLeast + ((atOne - atLeast) * i / (network.Prices.Count - 1)) })];
}
