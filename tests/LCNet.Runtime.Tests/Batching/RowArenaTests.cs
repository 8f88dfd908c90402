using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Batching;

public class RowArenaTests
{
    // Against a map of every value: gaps, alignment, what is held and the smallest gap that is large enough.
    [Fact]
    public void Find_AnyImages_IsTheSmallestGapThatIsLargeEnough() => Gen.Int[0, 1_000_000].Sample(seed =>
    {
        const int Capacity = 60;
        var random = new Random(seed);
        int[] sizes = [1, 2, 3, 4];
        var arena = new RowArena(Capacity, 8);
        bool[] taken = new bool[Capacity];
        int images = random.Next(9);
        for (int image = 0; image < images; image++)
        {
            int size = sizes[random.Next(sizes.Length)];
            int[] free = [.. Enumerable.Range(0, Capacity / size).Select(i => i * size).Where(at => !taken.AsSpan(at, size).Contains(value: true))];
            if (free.Length > 0)
            {
                int at = free[random.Next(free.Length)];
                arena.Move(image, at, size);
                Assert.Equal(at, arena.At(image));
                taken.AsSpan(at, size).Fill(value: true);
                if (random.Next(4) == 0)
                {
                    arena.Release([image]);
                    taken.AsSpan(at, size).Clear();
                }
            }
        }

        int rows = random.Next(1, 8);
        int row = sizes[random.Next(sizes.Length)];
        long found = arena.Find(rows, row);
        int[] places = [.. Enumerable.Range(0, Capacity).Where(at => at % row == 0 && at + (rows * row) <= Capacity && !taken.AsSpan(at, rows * row).Contains(value: true))];
        Assert.Equal(places.Length > 0, found >= 0);
        if (found >= 0)
        {
            Assert.Contains((int)found, places);
            Assert.Equal(places.Min(GapAt), GapAt((int)found));
        }

        int GapAt(int at)
        {
            int from = at;
            int to = at;
            while (from > 0 && !taken[from - 1])
            {
                from--;
            }

            while (to < Capacity && !taken[to])
            {
                to++;
            }

            return to - from;
        }
    });

    [Fact]
    public void CapacityFor_ImagesOfTheLargestSizeAnywhere_LeavesAPlaceForOneMore() => Gen.Int[0, 1_000_000].Sample(seed =>
    {
        var random = new Random(seed);
        int images = random.Next(1, 9);
        const int Largest = 6;
        long capacity = RowArena.CapacityFor(images, Largest);
        var arena = new RowArena(capacity, images);
        int[] places = [.. Enumerable.Range(0, (int)(capacity / Largest))];
        random.Shuffle(places);
        for (int image = 0; image < images; image++)
        {
            arena.Move(image, places[image] * Largest, Largest);
        }

        Assert.All([1, 2, 3, 4, 5, Largest], size => Assert.True(arena.Find(1, size) >= 0));
        Assert.True(arena.Holds(capacity - Largest, 1, Largest));
        Assert.False(arena.Holds(capacity - Largest, 2, Largest));
        arena.Clear();
        Assert.Equal(0, arena.Find(images, Largest));
    });

    [Fact]
    public void Hold_WhatWasReleased_IsNotFoundAgain()
    {
        var arena = new RowArena(4, 1);
        arena.Move(0, 0, 2);
        arena.Release([0]);
        Assert.Equal(0, arena.Find(2, 2));
        arena.Hold([0]);
        Assert.Equal(-1, arena.Find(2, 2));
        Assert.Equal(2, arena.Find(1, 2));
    }
}
