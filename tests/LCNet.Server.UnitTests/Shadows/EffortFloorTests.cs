using LCNet.Bundles;
using LCNet.Server.Shadows;

namespace LCNet.Server.UnitTests;

/// <summary>The floor of effort in closed loop: each image is answered at the floor, and disagrees as often as the traffic of the moment has it there.</summary>
public sealed class EffortFloorTests
{
    // Of the shipped bundle.
    private static readonly CalibrationPoint[] Table =
    [
        .. new[] { (0.5, 0.9318), (0.6, 0.9516), (0.7, 0.9592), (0.8, 0.9638), (0.9, 0.969), (1.0, 0.973) }
            .Select(point => new CalibrationPoint(point.Item1, 1e6 * point.Item1, 2_000_000, 0.9, 0.004) { Agreement = point.Item2, AgreementImages = 5000 }),
    ];

    [Fact]
    public void Effort_NothingSeen_IsWhatTheTableAllowsWithItsDoubt()
    {
        // The bound of 30 disagreements where 30 are expected is 1.33 times as many.
        Assert.Equal(0.5, new EffortFloor(Table, 0.90).Effort);
        Assert.Equal(0.6, new EffortFloor(Table, 0.93).Effort);
        Assert.Equal(1, new EffortFloor(Table, 0.963).Effort);
        Assert.False(new EffortFloor(Table, 0.963).IsOutOfReach);
        Assert.True(new EffortFloor(Table, 0.99).IsOutOfReach);
        Assert.Equal(1, new EffortFloor(Table, 0.99).Effort);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Add_TrafficAsTheTableSays_SettlesAtTheLowestEffortThatHolds(int seed)
    {
        var floor = new EffortFloor(Table, 0.93);
        (int changes, int turns) = Run(floor, seed, 50_000, place => 1 - Table[place].Agreement!.Value);

        // 4.84 % disagree at effort 0.6 and 6.82 % at 0.5, where 7 % may, doubt included.
        Assert.Equal(0.6, floor.Effort);
        Assert.InRange(changes, 0, 4);
        Assert.InRange(turns, 0, 3);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Add_AStepOfTheTrafficAndBack_RisesFallsAgainAndDoesNotOscillate(int seed)
    {
        var floor = new EffortFloor(Table, 0.93);
        Run(floor, seed, 20_000, place => 1 - Table[place].Agreement!.Value);
        double before = floor.Effort;
        Run(floor, seed + 10, 4000, place => 1.8 * (1 - Table[place].Agreement!.Value));
        Assert.True(floor.Effort > before, $"{before}");
        Run(floor, seed + 15, 10_000, place => 1.8 * (1 - Table[place].Agreement!.Value));

        // 1.8 times 4.08 % is 7.3 %, 1.8 times 3.62 % is 6.5 % and with its doubt 7.3 %.
        Assert.InRange(floor.Effort, 0.8, 1);
        (int settled, int turns) = Run(floor, seed + 20, 100_000, place => 1.8 * (1 - Table[place].Agreement!.Value));
        Assert.InRange(settled, 0, 8);
        Assert.InRange(turns, 0, 6);
        Run(floor, seed + 30, 100_000, place => 1 - Table[place].Agreement!.Value);
        Assert.Equal(before, floor.Effort);
    }

    [Fact]
    public void Add_OnlyLowEffortsSuffer_TriesLessAndLessOften()
    {
        // What the model of one ratio cannot know: at 0.5 to 0.7 four times as many disagree as the table says, above it no more.
        var floor = new EffortFloor(Table, 0.94);
        double Disagreement(int place) => (place <= 2 ? 4 : 1) * (1 - Table[place].Agreement!.Value);
        (int early, _) = Run(floor, 1, 100_000, Disagreement);
        (int late, _) = Run(floor, 2, 400_000, Disagreement);

        Assert.True(late <= early && late < 40, $"{early} {late}");
    }

    [Fact]
    public void Bound_AnyEvidence_IsTheQuantileOfTheGammaDistribution()
    {
        var floor = new EffortFloor(Table, 0.94);
        var random = new Random(5);
        (double seen, double expected) = (0, 0);
        for (int image = 0; image < 3000; image++)
        {
            bool agrees = random.NextDouble() > 0.08;
            floor.Add(agrees, 0.95);
            (seen, expected) = ((seen * (1 - (1.0 / 4000))) + (agrees ? 0 : 1), (expected * (1 - (1.0 / 4000))) + 0.05);
        }

        double point = 1 - Table.Single(some => some.Effort == floor.Effort).Agreement!.Value;
        double rate = (EffortFloor.Prior + expected) / point;
        double above = 1 - GammaBelow(EffortFloor.Prior + seen, rate * floor.DisagreementBound);
        Assert.InRange(above, 0.0495, 0.0505);
        Assert.Equal((EffortFloor.Prior + seen) / (EffortFloor.Prior + expected), floor.Ratio, 1e-9);
    }

    // Changes, and how many of them went the other way than the one before.
    private static (int Changes, int Turns) Run(EffortFloor floor, int seed, int images, Func<int, double> disagreement)
    {
        var random = new Random(seed);
        (int changes, int turns, int direction) = (0, 0, 0);
        for (int image = 0; image < images; image++)
        {
            double before = floor.Effort;
            int place = Array.FindIndex(Table, point => point.Effort == before);
            if (floor.Add(random.NextDouble() >= disagreement(place), Table[place].Agreement!.Value))
            {
                changes++;
                int now = Math.Sign(floor.Effort - before);
                turns += direction != 0 && now != direction ? 1 : 0;
                direction = now;
            }
        }

        return (changes, turns);
    }

    // The density x^(k-1) e^-x / Γ(k), added up in small steps.
    private static double GammaBelow(double shape, double end)
    {
        const int Steps = 200_000;
        double Density(double x) => Math.Exp(((shape - 1) * Math.Log(x)) - x - LogGamma(shape));
        return Enumerable.Range(0, Steps).Sum(step => Density((step + 0.5) * end / Steps)) * end / Steps;
    }

    // Stirling's series, after Γ(x) = Γ(x + n) / (x (x + 1) …).
    private static double LogGamma(double x)
    {
        double sum = 0;
        for (; x < 20; x++)
        {
            sum -= Math.Log(x);
        }

        return sum + ((x - 0.5) * Math.Log(x)) - x + (0.5 * Math.Log(2 * Math.PI)) + (1 / (12 * x)) - (1 / (360 * x * x * x));
    }
}
