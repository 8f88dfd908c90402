using LCNet.Server.Shadows;

namespace LCNet.Server.UnitTests;

/// <summary>The sequential test against its definition, and against what the literature says of it.</summary>
public sealed class DriftTests
{
    private const int TableImages = 5000;

    [Theory]
    [InlineData(0.93, 0.2, 1)]
    [InlineData(0.98, 0.02, 2)]
    [InlineData(0.6, 0.55, 3)]
    public void Sum_AnyStream_IsTheHighestLikelihoodRatioOfAChangeAtAnyImageSoFar(double expected, double disagreement, int seed)
    {
        var test = new DriftTest();
        var random = new Random(seed);
        var ratios = new List<double>();
        (double p0, double p1) = Hypotheses(expected, TableImages);
        for (int image = 0; image < 300; image++)
        {
            bool agrees = random.NextDouble() >= disagreement;
            test.Add(agrees, expected, TableImages);
            ratios.Add(agrees ? Math.Log((1 - p1) / (1 - p0)) : Math.Log(p1 / p0));
            double highest = Math.Max(0, Enumerable.Range(0, ratios.Count).Max(begin => ratios.Skip(begin).Sum()));
            if (highest >= 2 * DriftTest.Alarm)
            {
                break;
            }

            Assert.Equal(highest, test.Sum, 1e-9);
        }

        Assert.True(ratios.Count > 50);
    }

    [Theory]
    [InlineData(0.93)]
    [InlineData(0.973)]
    [InlineData(0.999)]
    [InlineData(1)]
    public void Add_AsTheTableSays_AlarmsNoOftenerThanTheBoundAllows(double agreement)
    {
        const int Streams = 100;
        const int Images = 10_000;
        int alarms = Enumerable.Range(0, Streams).Count(seed => ImagesUntilAlarm(agreement, 1 - agreement, seed, Images) is not null);

        // Lorden's bound: at least exp(11.5), 98,700 images in the mean between two alarms, so fewer than one stream in ten.
        Assert.InRange(alarms, 0, 10);
    }

    [Theory]
    [InlineData(0.93, 0.15, 600)]
    [InlineData(0.93, 0.25, 200)]
    [InlineData(0.973, 0.08, 700)]
    [InlineData(0.973, 0.25, 120)]
    public void Add_MoreDisagreements_AlarmsSoon(double agreement, double disagreement, int within)
    {
        double[] delays = [.. Enumerable.Range(0, 100).Select(seed => (double)(ImagesUntilAlarm(agreement, disagreement, seed, 100_000) ?? throw new InvalidOperationException("no alarm")))];

        // A sum that grows by so much an image in the mean takes about as many images (Wald).
        (double p0, double p1) = Hypotheses(agreement, TableImages);
        double growth = (disagreement * Math.Log(p1 / p0)) + ((1 - disagreement) * Math.Log((1 - p1) / (1 - p0)));
        Assert.InRange(delays.Average(), 0.7 * DriftTest.Alarm / growth, 1.3 * DriftTest.Alarm / growth);
        Assert.InRange(delays.Count(delay => delay <= within), 95, 100);
    }

    [Fact]
    public void Add_AgreesAgain_ComesDown()
    {
        var test = new DriftTest();
        for (int image = 0; image < 10_000; image++)
        {
            test.Add(agrees: false, 0.95, TableImages);
        }

        Assert.Equal(2 * DriftTest.Alarm, test.Sum);
        int images = 0;
        for (; test.Sum > DriftTest.Alarm; images++)
        {
            test.Add(agrees: true, 0.95, TableImages);
        }

        Assert.InRange(images, 100, 400);
    }

    private static int? ImagesUntilAlarm(double agreement, double disagreement, int seed, int most)
    {
        var test = new DriftTest();
        var random = new Random(seed);
        for (int image = 1; image <= most; image++)
        {
            test.Add(random.NextDouble() >= disagreement, agreement, TableImages);
            if (test.Sum > DriftTest.Alarm)
            {
                return image;
            }
        }

        return null;
    }

    // The table's disagreement and a standard error, and twice the odds of that.
    private static (double Unchanged, double Changed) Hypotheses(double agreement, int images)
    {
        double table = Math.Max(1 - agreement, 1.0 / images);
        double unchanged = Math.Max(0.002, table + Math.Sqrt(table * (1 - table) / images));
        return (unchanged, 2 * unchanged / (1 + unchanged));
    }
}
