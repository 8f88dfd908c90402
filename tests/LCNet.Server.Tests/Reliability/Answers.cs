using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

namespace LCNet.Server.Tests;

/// <summary>What a network gives for images, found out with the engine alone, one image after the other.</summary>
internal sealed class Answers
{
    private readonly Dictionary<int, float[]> _probabilities = [];

    private Answers()
    {
    }

    /// <summary>The probability of each label.</summary>
    /// <param name="seed">The image.</param>
    public float[] this[int seed] => _probabilities[seed];

    public static Answers Of(Bundle bundle, int images, ExecutorKind executor = ExecutorKind.Simd)
    {
        var answers = new Answers();
        using InferenceEngine engine = InferenceEngine.Load(bundle, new EngineOptions { Executor = executor, MaxBatch = 1, MaxDelay = TimeSpan.Zero });
        using EngineSession session = engine.CreateSession();
        InferenceResult result = engine.CreateResult();
        InputSpec input = bundle.Manifest.Input;
        float[] values = new float[input.Length];
        for (int seed = 0; seed < images; seed++)
        {
            Pixels.Normalise(TestImages.Rgb(seed), input.Mean, input.Std, values);
            session.Run(values, 1, Planner.NoCap, result, TestContext.Current.CancellationToken);
            float[] probabilities = new float[bundle.Manifest.Labels.Count];
            Predictions.Softmax(result.Logits, probabilities);
            answers._probabilities.Add(seed, probabilities);
        }

        return answers;
    }

    /// <summary>Whether two answers are the same, up to rounding.</summary>
    public static bool AreSame(float[] one, float[] other, float tolerance = 1e-6f)
    {
        for (int i = 0; i < one.Length; i++)
        {
            if (!(Math.Abs(one[i] - other[i]) <= tolerance))
            {
                return false;
            }
        }

        return one.Length == other.Length;
    }

    /// <summary>Pairs of images whose answers cannot be told apart.</summary>
    public int CountTwins(float tolerance)
    {
        float[][] sorted = [.. _probabilities.Values.OrderBy(answer => answer[0])];
        int twins = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            for (int j = i + 1; j < sorted.Length && sorted[j][0] - sorted[i][0] <= tolerance; j++)
            {
                twins += AreSame(sorted[i], sorted[j], tolerance) ? 1 : 0;
            }
        }

        return twins;
    }
}
