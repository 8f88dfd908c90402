using LCNet.Bundles;

namespace LCNet.Server.UnitTests;

public sealed class BrownoutTests
{
    private static readonly TimeSpan Objective = TimeSpan.FromMilliseconds(100);
    private static readonly EffortCurve Curve = new([Point(0.2, 50), Point(0.4, 60), Point(0.5, 66), Point(0.7, 94), Point(1, 120)]);

    public static TheoryData<double, int> Loads => new()
    {
        { 1.05, 100 }, { 1.2, 100 }, { 1.5, 100 }, { 1.8, 100 }, { 1.5, 20 }, { 1.5, 1000 }, { 1.5, 5000 }, { 1.2, 5000 },
    };

    [Fact]
    public void Effort_NoDelay_IsTheDefault()
    {
        var time = new ManualTime();
        var controller = new Brownout(Curve, new BrownoutOptions { Effort = 0.8 }, time);
        time.Advance(TimeSpan.FromDays(1));

        Assert.Equal(0.8, controller.Effort);
        Assert.Equal(0.8, controller.Observe(TimeSpan.Zero));
    }

    [Fact]
    public void Observe_DelayBelowTheTarget_GivesNothingUp()
    {
        var time = new ManualTime();
        Brownout controller = Create(time);
        for (int i = 0; i < 1000; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(5));
            Assert.Equal(1, controller.Observe(0.99 * Brownout.Target * Objective));
        }
    }

    [Fact]
    public void Observe_DelayFarBeyondTheObjective_IsTheLeastEffortAtOnceAndNeverLess()
    {
        var time = new ManualTime();
        Brownout controller = Create(time);

        Assert.Equal(0.2, controller.Observe(10 * Objective));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(0.2, controller.Observe(10 * Objective));
        Assert.Equal(0.2, controller.Effort);
    }

    [Fact]
    public void Observe_OverloadIsOver_ComesBackWithinTenObjectives()
    {
        var time = new ManualTime();
        Brownout controller = Create(time);
        controller.Observe(10 * Objective);
        time.Advance(TimeSpan.FromHours(1));
        controller.Observe(10 * Objective);
        time.Advance(10 * Objective);

        Assert.Equal(1, controller.Observe(TimeSpan.Zero));
    }

    [Theory]
    [InlineData(0.5, 0.5)]
    [InlineData(0.1, 0.2)]
    [InlineData(1, 1)]
    public void Observe_LeastEffort_IsWhereItEnds(double least, double expected)
    {
        var controller = new Brownout(Curve, new BrownoutOptions { LeastEffort = least, Objective = Objective }, new ManualTime());

        Assert.Equal(expected, controller.Observe(100 * Objective));
    }

    [Theory]
    [InlineData(0.5, 0.5, 1)]
    [InlineData(0.3, 0.4, 1)]
    [InlineData(1, 1, 1)]
    public void Floor_WithinTheRange_IsWhereItEnds(double floor, double expected, double idle)
    {
        var controller = new Brownout(Curve, new BrownoutOptions { LeastEffort = 0.4, Objective = Objective }, new ManualTime());
        controller.SetFloor(floor);

        Assert.Equal(expected, controller.Observe(100 * Objective));
        Assert.Equal(idle, controller.Observe(TimeSpan.Zero));
    }

    [Fact]
    public void Floor_RisesUnderLoadAndFallsAgain_MovesTheEffortWithIt()
    {
        var controller = new Brownout(Curve, new BrownoutOptions { Effort = 0.7, Objective = Objective }, new ManualTime());
        Assert.Equal(0.2, controller.Observe(100 * Objective));
        controller.SetFloor(0.5);
        Assert.Equal(0.5, controller.Effort);
        controller.SetFloor(1);
        Assert.Equal(1, controller.Effort);
        Assert.Equal(1, controller.Observe(100 * Objective));
        controller.SetFloor(0);
        Assert.Equal(0.7, controller.Effort);
        Assert.Equal(0.2, controller.Observe(100 * Objective));
    }

    [Fact]
    public void Observe_LongerDelay_IsNeverMoreEffort() => Gen.Select(Gen.Double[0, 3], Gen.Double[0, 3]).Sample((one, other) =>
    {
        double less = Create(new ManualTime()).Observe(Math.Max(one, other) * Objective);
        double more = Create(new ManualTime()).Observe(Math.Min(one, other) * Objective);
        Assert.True(less <= more);
    });

    /// <summary>At a load that full effort cannot bear and the least can, the delay stays under the objective and effort where it has to be, without swinging.</summary>
    [Theory]
    [MemberData(nameof(Loads))]
    public void Observe_SteadyOverload_SettlesWithoutOscillation(double load, int milliseconds)
    {
        var time = new ManualTime();
        var objective = TimeSpan.FromMilliseconds(milliseconds);
        var controller = new Brownout(Curve, new BrownoutOptions { Objective = objective }, time);
        var queue = new SimulatedQueue(controller, Curve, time, requestsPerObjective: 50 * load, load, objective);

        queue.Run(40);
        List<(double Delay, double Flops)> settled = queue.Run(40);

        double needed = 120 / load;
        double[] flops = [.. settled.Select(point => point.Flops)];
        Assert.InRange(flops.Average(), 0.97 * needed, 1.03 * needed);
        Assert.InRange(settled.Average(point => point.Delay), 0.3, 0.5);
        Assert.InRange(settled.Max(point => point.Delay), 0, 0.9);

        // What is left is the noise of arrivals: no swing from one end of the table to the other.
        Assert.InRange(Math.Sqrt(flops.Average(value => Math.Pow(value - flops.Average(), 2))), 0, 0.12 * (120 - 50));
    }

    [Fact]
    public void Observe_LoadRisesFromNothing_PassesTheObjectiveForNoRequest()
    {
        var time = new ManualTime();
        Brownout controller = Create(time);
        var queue = new SimulatedQueue(controller, Curve, time, requestsPerObjective: 75, load: 1.5, Objective);

        Assert.InRange(queue.Run(100).Max(point => point.Delay), 0.4, 1);
    }

    [Fact]
    public void Observe_LoadFallsBack_RaisesEffortAgain()
    {
        var time = new ManualTime();
        Brownout controller = Create(time);
        new SimulatedQueue(controller, Curve, time, requestsPerObjective: 75, load: 1.5, Objective).Run(50);
        var queue = new SimulatedQueue(controller, Curve, time, requestsPerObjective: 35, load: 0.7, Objective);

        queue.Run(10);

        Assert.Equal(120, queue.Run(50).Average(point => point.Flops), 0.5);
    }

    [Theory]
    [InlineData(0, 0.5, 1)]
    [InlineData(1, double.NaN, 1)]
    [InlineData(1, 0.5, 0)]
    public void Create_OptionOutOfRange_IsRefused(double effort, double least, int seconds) => Assert.Throws<ArgumentOutOfRangeException>(() =>
        new Brownout(Curve, new BrownoutOptions { Effort = effort, LeastEffort = least, Objective = TimeSpan.FromSeconds(seconds) }, TimeProvider.System));

    private static CalibrationPoint Point(double effort, double flops) => new(effort, flops, (long)flops, 0.5, 0.1);

    private static Brownout Create(ManualTime time) => new(Curve, new BrownoutOptions { Objective = Objective }, time);
}
