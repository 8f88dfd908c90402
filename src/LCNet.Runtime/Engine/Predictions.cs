using System.Numerics.Tensors;

namespace LCNet.Runtime.Engine;

/// <summary>From logits to the most probable labels.</summary>
public static class Predictions
{
    /// <summary>Softmax, and the labels with the highest probabilities, most probable first; of equal ones the lower index is first.</summary>
    /// <param name="logits">One value a label.</param>
    /// <param name="count">How many to return, 1 to the number of labels.</param>
    /// <returns>Index and probability; over all labels the probabilities add up to 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The count is out of range.</exception>
    public static IReadOnlyList<(int Index, float Probability)> Top(ReadOnlySpan<float> logits, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, logits.Length);
        float[] probabilities = new float[logits.Length];
        Softmax(logits, probabilities);
        int[] order = [.. Enumerable.Range(0, logits.Length)];
        Array.Sort(order, (a, b) => probabilities[a] != probabilities[b] ? probabilities[b].CompareTo(probabilities[a]) : a.CompareTo(b));
        return [.. order.Take(count).Select(index => (index, probabilities[index]))];
    }

    /// <summary>Softmax.</summary>
    /// <param name="logits">One value a label, at least one.</param>
    /// <param name="probabilities">Takes as many values, which add up to 1.</param>
    /// <exception cref="ArgumentException">The destination is too short, or there is no logit.</exception>
    public static void Softmax(ReadOnlySpan<float> logits, Span<float> probabilities)
    {
        // SoftMax takes exponentials of what it is given: shifted to at most 0, none overflows.
        TensorPrimitives.Subtract(logits, TensorPrimitives.Max(logits), probabilities);
        TensorPrimitives.SoftMax(probabilities, probabilities);
    }
}
