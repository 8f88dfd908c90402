using LCNet.Server.Shadows;

namespace LCNet.Server.UnitTests;

public sealed class AgreementWindowTests
{
    [Fact]
    public void Read_AnyTime_HasTheImagesOfTheLastHour()
    {
        var window = new AgreementWindow();
        var random = new Random(1);
        var all = new List<(long Minute, bool Agrees, double? Expected)>();
        long minute = 1_000_000;
        for (int image = 0; image < 5000; image++)
        {
            // Now and then nothing comes for longer than an hour.
            minute += random.Next(500) == 0 ? random.Next(200) : random.Next(20) == 0 ? 1 : 0;
            (long Minute, bool Agrees, double? Expected) one = (minute, random.Next(10) > 0, random.Next(4) == 0 ? null : random.NextDouble());
            window.Add(one.Minute, one.Agrees, one.Expected);
            all.Add(one);

            (long Minute, bool Agrees, double? Expected)[] last = [.. all.Where(other => minute - other.Minute < 60)];
            AgreementEstimate estimate = window.Read(minute);
            Assert.Equal((last.Length, last.Count(other => other.Agrees)), (estimate.Images, estimate.Agreements));
            double[] expected = [.. last.Select(other => other.Expected).OfType<double>()];
            Assert.Equal(expected.Length == 0, estimate.Expected is null);
            Assert.Equal(expected.DefaultIfEmpty().Average(), estimate.Expected ?? 0, 1e-9);
        }

        Assert.Equal(new AgreementEstimate(0, 0, null), window.Read(minute + 60));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(20, 19)]
    [InlineData(5000, 4865)]
    public void Interval_EndsInside_AreWhereTheScoreTestJustAccepts(long images, long agreements)
    {
        (double low, double high) = new AgreementEstimate(images, agreements, null).Interval;

        double share = (double)agreements / images;
        Assert.All(new[] { low, high }.Where(end => end is > 0 and < 1), end => Assert.Equal(1.959964, Math.Abs(share - end) / Math.Sqrt(end * (1 - end) / images), 1e-6));
        Assert.True(low <= share && share <= high && low < high);
    }

    [Fact]
    public void Interval_NoImage_SaysNothing()
    {
        Assert.Equal((0, 1), new AgreementEstimate(0, 0, null).Interval);
        Assert.Null(new AgreementEstimate(0, 0, null).Share);
    }
}
