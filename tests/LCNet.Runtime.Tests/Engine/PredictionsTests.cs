using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Tests.Engine;

public class PredictionsTests
{
    // Quarters tie often; what is not tied is far enough apart for any rounding.
    private static readonly Gen<float[]> Quarters = Gen.Int[-40, 40].Select(quarters => quarters / 4f).Array[1, 30];

    [Fact]
    public void Top_AnyLogits_EqualsABruteForceSoftmaxAndSort() => Gen.Select(Quarters, Gen.Double[0, 1]).Sample(
        (logits, share) =>
        {
            int count = 1 + (int)(share * (logits.Length - 1));
            double[] probabilities = Softmax(logits);
            int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i)];
            IReadOnlyList<(int Index, float Probability)> top = Predictions.Top(logits, count);
            Assert.Equal(order[..count], top.Select(prediction => prediction.Index));
            Assert.All(top, prediction => Assert.Equal(probabilities[prediction.Index], prediction.Probability, 1e-6));
        });

    [Fact]
    public void Top_HugeLogits_DoNotOverflow() => Gen.Select(Gen.Float[-1e30f, 1e30f].Array[1, 20], Gen.Float[-1e4f, 1e4f].Array[1, 20]).Sample(
        (huge, large) =>
        {
            foreach (float[] logits in new[] { huge, large, [.. huge, .. large] })
            {
                double[] expected = Softmax(logits);
                IReadOnlyList<(int Index, float Probability)> top = Predictions.Top(logits, logits.Length);
                Assert.Equal(Enumerable.Range(0, logits.Length), top.Select(prediction => prediction.Index).Order());
                Assert.All(top, prediction => Assert.Equal(expected[prediction.Index], prediction.Probability, 1e-4));
                Assert.Equal(1, top.Sum(prediction => prediction.Probability), 1e-5);
                Assert.Equal(expected.Max(), expected[top[0].Index], 1e-6);
                Assert.Equal(top.OrderByDescending(prediction => prediction.Probability).ThenBy(prediction => prediction.Index), top);
            }
        });

    [Fact]
    public void Top_AllEqual_GoesByIndex()
    {
        Assert.Equal([(0, 0.25f), (1, 0.25f), (2, 0.25f)], Predictions.Top([-900f, -900f, -900f, -900f], 3));
        Assert.Equal([(1, 0.5f), (3, 0.5f)], Predictions.Top([0f, 1000f, 0f, 1000f], 2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(-1)]
    public void Top_CountOutOfRange_IsRefused(int count) => Assert.Throws<ArgumentOutOfRangeException>(() => Predictions.Top([1f, 2f, 3f], count));

    private static double[] Softmax(float[] logits)
    {
        double most = logits.Max();
        double[] exponentials = [.. logits.Select(logit => Math.Exp(logit - most))];
        return [.. exponentials.Select(exponential => exponential / exponentials.Sum())];
    }
}
