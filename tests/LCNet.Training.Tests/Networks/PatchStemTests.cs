using LCNet.Training.Data;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Networks;

public sealed class PatchStemTests
{
    private const int Size = 12;

    [Fact]
    public void BeginStemAsComponentsOf_Images_GivesUncorrelatedResponsesOfVarianceOneInBothSigns()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var network = new LcNet(new ResNetSpec { BlocksPerStage = [1], Width = 10, Classes = 3, InputSize = Size });
        ImageSet images = RandomImages.Make(40, Size, 6);
        Tensor x = new BatchReader(images, RandomNetwork.Normalisation).Read([.. Enumerable.Range(0, images.Count)], Augmentation.None, 0, new Random(1)).Images;
        network.BeginStemAsComponentsOf(x);

        float[] weights = network.get_parameter("_stem._conv.weight")!.contiguous().data<float>().ToArray();
        float[] pixels = x.contiguous().data<float>().ToArray();
        double[][] responses = [.. Enumerable.Range(0, 10).Select(filter => Responses(pixels, images.Count, weights.AsSpan(filter * 27, 27).ToArray()))];
        for (int filter = 0; filter < 10; filter += 2)
        {
            Assert.Equal(1, Covariance(responses[filter], responses[filter]), 0.05);
            Assert.All(responses[filter].Zip(responses[filter + 1]), pair => Assert.Equal(pair.First, -pair.Second, 1e-4));
            for (int other = 0; other < filter; other += 2)
            {
                Assert.Equal(0, Covariance(responses[filter], responses[other]), 0.01);
            }
        }
    }

    // Every 3×3 patch that lies within an image, multiplied out.
    private static double[] Responses(float[] pixels, int count, float[] filter)
    {
        var responses = new List<double>();
        for (int image = 0; image < count; image++)
        {
            for (int y = 0; y < Size - 2; y++)
            {
                for (int x = 0; x < Size - 2; x++)
                {
                    double sum = 0;
                    for (int i = 0; i < 27; i++)
                    {
                        (int colour, int row, int column) = (i / 9, i / 3 % 3, i % 3);
                        sum += filter[i] * pixels[(((image * 3) + colour) * Size * Size) + ((y + row) * Size) + x + column];
                    }

                    responses.Add(sum);
                }
            }
        }

        return [.. responses];
    }

    private static double Covariance(double[] a, double[] b)
    {
        (double meanA, double meanB) = (a.Average(), b.Average());
        return a.Zip(b, (x, y) => (x - meanA) * (y - meanB)).Average();
    }
}
