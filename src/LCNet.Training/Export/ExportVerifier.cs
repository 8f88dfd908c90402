using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Training.Data;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Export;

/// <summary>How far an exported bundle is from its network.</summary>
/// <param name="Images">Images compared.</param>
/// <param name="SegmentError">
/// Largest difference of a logit, TorchSharp against the exported segments, both along what the segments' gates decide: over the image's largest logit where that is above
/// <see cref="UsualLogit"/>, for single precision rounds by digits, not by places.
/// </param>
/// <param name="DenseError">The same with every gate open, of the segments and of the static network that is put together from them.</param>
/// <param name="PlanDifferences">
/// Saliences of blocks that run and of their channels that lie more than <see cref="SalienceTolerance"/> apart along that way, and blocks that one side skips and the other finds worth more than that. Whether the last channel of
/// a block just runs or just does not is a matter of the last digit, and with it whether the block does: two sides may go different ways and both be right, which is why one is led along the other's.
/// </param>
public sealed record ExportComparison(int Images, double SegmentError, double DenseError, int PlanDifferences)
{
    /// <summary>Largest error of a logit that is accepted.</summary>
    public const double Tolerance = 1e-4;

    /// <summary>Up to this, which trained classifiers seldom exceed, logits are compared as they are.</summary>
    public const double UsualLogit = 20;

    /// <summary>Largest difference of a salience that is accepted.</summary>
    public const double SalienceTolerance = 1e-4;

    /// <summary>Whether logits agree within <see cref="Tolerance"/> and gates find the same.</summary>
    public bool Agrees => SegmentError <= Tolerance && DenseError <= Tolerance && PlanDifferences == 0;
}

/// <summary>Compares an exported bundle, run by the runtime that will serve it, with the TorchSharp network that it came from.</summary>
public static class ExportVerifier
{
    /// <summary>Runs the same images through both.</summary>
    /// <param name="network">Put into evaluation mode.</param>
    /// <param name="indices">Which of them; efforts 1, 0.75, 0.5 and 0.25 take turns.</param>
    /// <param name="normalisation">As in training.</param>
    public static ExportComparison Compare(LcNet network, Bundle bundle, ImageSet images, IReadOnlyList<int> indices, Normalisation normalisation)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(indices);
        network.eval();
        using var noGrad = no_grad();
        ComputeDevice device = ComputeDevice.Parse("cpu");
        using var executor = new OnnxExecutor(bundle, device);
        using ISegmentLane lane = executor.CreateLane();
        using var dense = new DenseNetwork(bundle, device);
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        var reader = new BatchReader(images, normalisation);
        var open = new InferenceResult(bundle.Manifest);
        float[] reference = new float[bundle.Manifest.Labels.Count];
        double segmentError = 0;
        double denseError = 0;
        int differences = 0;
        for (int i = 0; i < indices.Count; i++)
        {
            using var scope = NewDisposeScope();
            double effort = 1 - (0.25 * (i % 4));
            (Tensor x, _) = reader.Read([indices[i]], Augmentation.None, 0, Random.Shared);
            float[] image = x.contiguous().data<float>().ToArray();
            dispatcher.Run(image, effort, Planner.NoCap, result);
            LcNetOutput expected = network.ForwardAlong(x, effort, [.. Enumerable.Range(0, result.Plan.Blocks).Select(block => Scales(result.Plan, block))]);
            segmentError = Math.Max(segmentError, Distance(expected.Logits.data<float>().ToArray(), result.Logits));
            differences += PlanDifferences(expected, result.Plan);
            float[] expectedOpen = network.Forward(x, null).Logits.data<float>().ToArray();
            dispatcher.RunOpen(image, open);
            dense.Run(image, reference);
            denseError = Math.Max(denseError, Math.Max(Distance(expectedOpen, open.Logits), Distance(expectedOpen, reference)));
        }

        return new ExportComparison(indices.Count, segmentError, denseError, differences);
    }

    private static (Tensor Layer, Tensor Channels) Scales(ImagePlan plan, int block) =>
        (tensor([plan.LayerScale(block)]), plan.Runs(block) ? tensor(plan.Saliences(block).ToArray(), 1, plan.Saliences(block).Length) : zeros(1, plan.Saliences(block).Length));

    private static int PlanDifferences(LcNetOutput expected, ImagePlan plan)
    {
        int differences = 0;
        for (int block = 0; block < plan.Blocks; block++)
        {
            float layer = expected.Layers[block].data<float>()[0];
            float[] channels = expected.Channels[block].contiguous().data<float>().ToArray();
            if (plan.Runs(block))
            {
                differences += IsDifferent(layer, plan.LayerScale(block)) ? 1 : 0;
                differences += channels.Zip(plan.Saliences(block).ToArray()).Count(pair => IsDifferent(pair.First, pair.Second));
            }
            else
            {
                differences += IsDifferent(Math.Min(layer, channels.Max()), 0) ? 1 : 0;
            }
        }

        return differences;
    }

    private static bool IsDifferent(float expected, float exported) => Math.Abs(expected - exported) > ExportComparison.SalienceTolerance;

    private static double Distance(float[] a, ReadOnlySpan<float> b)
    {
        double most = 0;
        double largest = ExportComparison.UsualLogit;
        for (int i = 0; i < a.Length; i++)
        {
            most = Math.Max(most, Math.Abs(a[i] - b[i]));
            largest = Math.Max(largest, Math.Abs(a[i]));
        }

        return most * ExportComparison.UsualLogit / largest;
    }
}
