using System.Numerics.Tensors;

namespace LCNet.Server.Shadows;

/// <summary>How far an answer is from what the whole network makes of the same image.</summary>
/// <param name="Agrees">Whether both have the same most probable class.</param>
/// <param name="Confidence">The whole network's probability of its own most probable class, in (0, 1].</param>
/// <param name="Divergence">Kullback–Leibler divergence of the answer from the whole network, Σ p ln(p / q) with p the whole network's probabilities and q the answer's; in nats, at least 0.</param>
internal readonly record struct ShadowOutcome(bool Agrees, double Confidence, double Divergence)
{
    /// <summary>Compares two outputs.</summary>
    /// <param name="whole">Of the whole network, finite.</param>
    /// <param name="answer">As many, finite.</param>
    public static ShadowOutcome Of(ReadOnlySpan<float> whole, ReadOnlySpan<float> answer)
    {
        (int most, double wholeScale) = (TensorPrimitives.IndexOfMax(whole), LogSum(whole));
        double answerScale = LogSum(answer);
        double divergence = 0;
        for (int label = 0; label < whole.Length; label++)
        {
            double logarithm = whole[label] - wholeScale;
            divergence += Math.Exp(logarithm) * (logarithm - (answer[label] - answerScale));
        }

        return new ShadowOutcome(most == TensorPrimitives.IndexOfMax(answer), Math.Exp(whole[most] - wholeScale), Math.Max(0, divergence));
    }

    // Shifted so that no exponential overflows.
    private static double LogSum(ReadOnlySpan<float> logits)
    {
        double highest = TensorPrimitives.Max(logits);
        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - highest);
        }

        return highest + Math.Log(sum);
    }
}
