using LCNet.Training.Data;
using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Recipe;

/// <summary>How a network did on a set of images.</summary>
/// <param name="Accuracy">Top-1, in [0, 1].</param>
/// <param name="Flops">Planned FLOPs of each image, exactly, gates included; those of the dense network where it was that which ran.</param>
/// <param name="DenseFlops">What the dense network costs.</param>
/// <param name="RunRates">Share of images that ran each block, in [0, 1].</param>
/// <param name="UsedChannels">For each block which of its inner channels some image kept.</param>
/// <param name="Predicted">The most probable class of each image.</param>
public sealed record Evaluation(
    double Accuracy, IReadOnlyList<long> Flops, long DenseFlops, IReadOnlyList<double> RunRates, IReadOnlyList<bool[]> UsedChannels, IReadOnlyList<long> Predicted)
{
    /// <summary>Mean planned over dense FLOPs; gates are included, so it may exceed 1.</summary>
    public double FlopsShare => Flops.Average() / DenseFlops;

    /// <summary>Measures a network on some images.</summary>
    /// <param name="network">Left in evaluation mode.</param>
    /// <param name="indices">Which of them, at least one.</param>
    /// <param name="normalisation">As in training.</param>
    /// <param name="effort">In (0, 1]; null for the dense network.</param>
    public static Evaluation Of(LcNet network, ImageSet images, IReadOnlyList<int> indices, Normalisation normalisation, double? effort)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(indices);
        network.eval();
        using var noGrad = no_grad();
        var reader = new BatchReader(images, normalisation);
        var flops = new List<long>(indices.Count);
        long[] runs = new long[network.Cost.Blocks.Count];
        bool[][] used = [.. network.Blocks.Select(block => new bool[block.Shape.InnerChannels])];
        var predicted = new List<long>(indices.Count);
        long right = 0;
        foreach (int[] batch in indices.Chunk(reader.EvaluatedAtATime))
        {
            using var scope = NewDisposeScope();
            using var uncollected = UncollectedRegion.Open();
            (Tensor x, Tensor labels) = reader.Read(batch, Augmentation.None, 0, Random.Shared);
            LcNetOutput output = network.ForwardAtEffort(x, effort);
            Tensor most = output.Logits.argmax(1);
            right += most.eq(labels).sum().ToInt64();
            predicted.AddRange(most.cpu().data<long>());
            flops.AddRange(effort is null ? Enumerable.Repeat(network.Cost.Dense, batch.Length) : network.PlannedFlops(output));
            for (int block = 0; block < runs.Length; block++)
            {
                runs[block] += effort is null ? batch.Length : (output.Layers[block] > 0).sum().ToInt64();
                bool[]? kept = effort is null ? null : ((output.Layers[block] > 0).unsqueeze(1) & (output.Channels[block] > 0)).any(0).cpu().data<bool>().ToArray();
                for (int channel = 0; channel < used[block].Length; channel++)
                {
                    used[block][channel] |= kept?[channel] ?? true;
                }
            }
        }

        return new Evaluation((double)right / indices.Count, flops, network.Cost.Dense, [.. runs.Select(run => (double)run / indices.Count)], used, predicted);
    }
}
