using LCNet.Bundles;
using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Batching;

public class FlopsBillTests
{
    [Fact]
    public void Charge_NoCaps_SharesPaddingEqually()
    {
        FlopsBill bill = Bill(Planner.NoCap, Planner.NoCap, Planner.NoCap);
        bill.Charge([0, 1, 2], 4, 1000, [1000, 400, 1000]);
        Assert.Equal([1334, 1333, 1333], Enumerable.Range(0, 3).Select(bill.Executed));
        Assert.All(Enumerable.Range(0, 3), image => Assert.Equal(FlopsBill.Unlimited, bill.Slack(image)));
    }

    [Fact]
    public void Charge_SomeOfABatch_LeavesTheOthersAlone()
    {
        FlopsBill bill = Bill(Planner.NoCap, Planner.NoCap, Planner.NoCap);
        bill.Charge([2, 0], 2, 10, []);
        Assert.Equal([10, 0, 10], Enumerable.Range(0, 3).Select(bill.Executed));
    }

    [Fact]
    public void Expect_Cap_LeavesWhatThePlanCannotTake()
    {
        FlopsBill bill = Bill(1000, 500);
        bill.Expect(0, 700);
        bill.Expect(1, 700);
        Assert.Equal([300, 0], Enumerable.Range(0, 2).Select(bill.Slack));

        // What has been billed beyond the plan stays billed, however little the plan comes to.
        bill.Charge([0], 1, 200, [100]);
        Assert.Equal(200, bill.Slack(0));
        bill.Expect(0, 600);
        Assert.Equal(300, bill.Slack(0));
    }

    [Fact]
    public void Charge_BeyondSlack_IsRefused()
    {
        FlopsBill bill = Bill(1000, 1000);
        bill.Expect(0, 900);
        bill.Expect(1, 950);
        Assert.Throws<InvalidOperationException>(() => bill.Charge([0, 1], 2, 200, [200, 100]));
        bill = Bill(1000, 1000);
        Assert.Throws<InvalidOperationException>(() => bill.Charge([0, 1], 4, 200, []));
    }

    [Fact]
    public void Charge_AnyDispatch_AddsUpAndKeepsEverySlack() => Gen.Select(
        Gen.Select(Gen.Bool, Gen.Long[0, 1000]).Array[1, 12],
        Gen.Int[0, 12],
        Gen.Long[0, 400]).Sample((slacks, padding, flops) =>
    {
        FlopsBill bill = Bill([.. slacks.Select(slack => slack.Item1 ? Planner.NoCap : slack.Item2)]);
        int[] images = [.. Enumerable.Range(0, slacks.Length)];
        foreach (int image in images)
        {
            bill.Expect(image, 0);
        }

        long room = images.Sum(bill.Slack);
        long[] before = [.. images.Select(bill.Slack)];
        padding = (int)Math.Min(padding, flops == 0 ? padding : room / flops);
        bill.Charge(images, images.Length + padding, flops, []);
        Assert.Equal((images.Length + padding) * flops, images.Sum(bill.Executed));
        Assert.All(images, image => Assert.InRange(bill.Executed(image), flops, flops + before[image]));

        // Nobody who could pay more pays less than another.
        long most = images.Max(bill.Executed);
        Assert.All(images, image => Assert.True(bill.Executed(image) >= most - 1 || bill.Slack(image) == 0));
    });

    private static FlopsBill Bill(params long[] caps)
    {
        var bill = new FlopsBill(caps.Length);
        foreach ((int i, long cap) in caps.Index())
        {
            bill.Begin(i, cap);
            bill.Expect(i, cap == Planner.NoCap ? 0 : cap);
        }

        return bill;
    }
}
