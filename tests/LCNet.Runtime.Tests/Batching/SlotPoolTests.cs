using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Batching;

public class SlotPoolTests
{
    [Fact]
    public void Take_AnyHistory_IsTheSmallestGapThatIsLargeEnough() => Gen.Select(Gen.Int[1, 24], Gen.Select(Gen.Bool, Gen.Int[1, 9]).Array[0, 60]).Sample((capacity, steps) =>
    {
        var pool = new SlotPool(capacity);
        bool[] taken = new bool[capacity];
        var held = new List<(int First, int Count)>();
        foreach ((bool takes, int number) in steps)
        {
            if (takes)
            {
                int expected = BestGap(taken, number);
                Assert.Equal(expected, pool.Take(number));
                if (expected >= 0)
                {
                    Array.Fill(taken, true, expected, number);
                    held.Add((expected, number));
                }
            }
            else if (held.Count > 0)
            {
                // A part of it: images leave one by one.
                (int first, int count) = held[number % held.Count];
                held.Remove((first, count));
                pool.Free(first, 1);
                taken[first] = false;
                if (count > 1)
                {
                    held.Add((first + 1, count - 1));
                }
            }

            Assert.Equal(taken.Count(slot => slot), pool.Taken);
        }

        pool.Clear();
        Assert.Equal(0, pool.Take(capacity));
        Assert.Equal(-1, pool.Take(1));
    });

    private static int BestGap(bool[] taken, int count)
    {
        (int First, int Length)[] gaps = [.. Enumerable.Range(0, taken.Length)
            .Where(first => !taken[first] && (first == 0 || taken[first - 1]))
            .Select(first => (first, taken.Skip(first).TakeWhile(slot => !slot).Count()))
            .Where(gap => gap.Item2 >= count)];
        return gaps.Length == 0 ? -1 : gaps.MinBy(gap => gap.Length).First;
    }
}
