using LCNet.Server.Shadows;

namespace LCNet.Server.UnitTests;

public sealed class ShadowOutcomeTests
{
    [Fact]
    public void Of_RandomLogits_EqualsTheDefinitions()
    {
        var random = new Random(1);
        for (int i = 0; i < 200; i++)
        {
            float[] whole = Logits(random);
            float[] answer = Logits(random);
            double[] p = Softmax(whole);
            double[] q = Softmax(answer);

            var outcome = ShadowOutcome.Of(whole, answer);

            Assert.Equal(Array.IndexOf(p, p.Max()) == Array.IndexOf(q, q.Max()), outcome.Agrees);
            Assert.Equal(p.Max(), outcome.Confidence, 1e-9);
            Assert.Equal(p.Zip(q).Sum(both => both.First * Math.Log(both.First / both.Second)), outcome.Divergence, 1e-9);
        }
    }

    [Fact]
    public void Of_TheSame_DoesNotDiverge()
    {
        float[] logits = Logits(new Random(2));
        Assert.Equal((true, 0.0), (ShadowOutcome.Of(logits, logits).Agrees, ShadowOutcome.Of(logits, logits).Divergence));
    }

    [Fact]
    public void Of_EqualLogits_TheFirstIsTheMostProbable()
    {
        Assert.True(ShadowOutcome.Of([2, 2, 1], [3, 1, 3]).Agrees);
        Assert.False(ShadowOutcome.Of([1, 2, 2], [1, 1, 3]).Agrees);
    }

    [Fact]
    public void Of_HugeLogits_StaysFinite()
    {
        var outcome = ShadowOutcome.Of([1e30f, -1e30f], [-1e30f, 1e30f]);
        Assert.Equal((false, 1.0, true), (outcome.Agrees, outcome.Confidence, double.IsFinite(outcome.Divergence)));
        Assert.False(double.IsFinite(ShadowOutcome.Of([float.PositiveInfinity, 0], [1, 0]).Divergence));
    }

    private static float[] Logits(Random random) => [.. Enumerable.Range(0, 10).Select(_ => (float)((random.NextDouble() - 0.5) * 12))];

    private static double[] Softmax(float[] logits)
    {
        double sum = logits.Sum(logit => Math.Exp(logit));
        return [.. logits.Select(logit => Math.Exp(logit) / sum)];
    }
}
