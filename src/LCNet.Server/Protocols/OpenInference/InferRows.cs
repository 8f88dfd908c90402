using System.Numerics.Tensors;
using LCNet.Runtime.Engine;
using LCNet.Server.Inference;
using LCNet.Server.Models;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>What the images of a batch gave and cost, a row each. Different rows may be set at the same time.</summary>
internal sealed class InferRows(ServedModel model, int count)
{
    private readonly int _labels = model.Labels.Count;
    private readonly int _blocks = model.Engine.Bundle.Manifest.Blocks.Count;

    public int Count => count;

    /// <summary>Of one image.</summary>
    public long DenseFlops => model.Engine.Bundle.Flops.Dense;

    /// <summary>Of one image.</summary>
    public long GateFlops => model.Engine.Bundle.Flops.Gates;

    public float[] Probabilities { get; } = new float[count * model.Labels.Count];

    public float[] Logits { get; } = new float[count * model.Labels.Count];

    /// <summary>Of the most probable label; of equal ones the lowest.</summary>
    public long[] Index { get; } = new long[count];

    public long[] PlannedFlops { get; } = new long[count];

    public long[] ExecutedFlops { get; } = new long[count];

    public double[] Effort { get; } = new double[count];

    /// <summary>Of each block; 0 where it did not run.</summary>
    public long[] ChannelsRetained { get; } = new long[count * model.Engine.Bundle.Manifest.Blocks.Count];

    /// <summary>Images that shared an image's dispatches, itself included; they need not be of this request.</summary>
    public int[] BatchSize { get; } = new int[count];

    public long[] QueueUs { get; } = new long[count];

    public long[] ExecuteUs { get; } = new long[count];

    /// <summary>Names of all labels, in the order of the logits.</summary>
    public IReadOnlyList<string> LabelNames => model.Labels;

    /// <summary>Names of <see cref="Index"/>.</summary>
    public IEnumerable<string> Labels => Index.Select(index => model.Labels[(int)index]);

    /// <summary>Of one image, the channels that each block ran with; 0 where it did not run.</summary>
    public ReadOnlySpan<long> ChannelsOf(int row) => ChannelsRetained.AsSpan(row * _blocks, _blocks);

    /// <summary>Copies what an image gave.</summary>
    public void Set(int row, ImageOutcome outcome)
    {
        InferenceResult result = outcome.Result;
        Span<float> probabilities = Probabilities.AsSpan(row * _labels, _labels);
        result.Logits.CopyTo(Logits.AsSpan(row * _labels));
        Predictions.Softmax(result.Logits, probabilities);
        Index[row] = TensorPrimitives.IndexOfMax<float>(probabilities);
        PlannedFlops[row] = result.Plan.Flops;
        ExecutedFlops[row] = result.ExecutedFlops;
        Effort[row] = result.Effort;
        BatchSize[row] = result.BatchSize;
        for (int block = 0; block < _blocks; block++)
        {
            ChannelsRetained[(row * _blocks) + block] = result.Plan.KeptCount(block);
        }

        QueueUs[row] = (long)(outcome.Waited + result.QueueTime).TotalMicroseconds;
        ExecuteUs[row] = (long)result.ExecuteTime.TotalMicroseconds;
    }
}
