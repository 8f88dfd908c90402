using LCNet.Runtime.Batching;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Batching;

public class BatchQueueTests
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(5);

    private readonly ManualTime _time = new();
    private readonly List<BatchItem> _batch = [];

    [Fact]
    public void TryTake_NothingWaits_WaitsForever()
    {
        Assert.False(Queue().TryTake(_batch, out TimeSpan wait));
        Assert.Equal(Timeout.InfiniteTimeSpan, wait);
    }

    [Fact]
    public void TryTake_OldestHasWaitedLongEnough_TakesAllInOrder()
    {
        BatchQueue queue = Queue();
        BatchItem first = Add(queue, 1);
        _time.Advance(TimeSpan.FromMilliseconds(3));
        BatchItem second = Add(queue, 1);
        Assert.False(queue.TryTake(_batch, out TimeSpan wait));
        Assert.Equal(TimeSpan.FromMilliseconds(2), wait);
        _time.Advance(wait);
        Assert.True(queue.TryTake(_batch, out _));
        Assert.Equal([first, second], _batch);
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void TryTake_MostImages_WaitsForNobodyAndLeavesTheRest()
    {
        BatchQueue queue = Queue(maxImages: 3);
        BatchItem[] items = [.. Enumerable.Range(0, 5).Select(_ => Add(queue, 1))];
        Assert.True(queue.TryTake(_batch, out _));
        Assert.Equal(items[..3], _batch);
        Assert.False(queue.TryTake(_batch, out TimeSpan wait));
        Assert.Equal(Delay, wait);
        Assert.Equal(2, queue.Count);
    }

    [Fact]
    public void TryTake_BudgetReached_WaitsForNobody()
    {
        BatchQueue queue = Queue(budget: 10);
        Add(queue, 4);
        Add(queue, 5);
        Assert.False(queue.TryTake(_batch, out _));
        Add(queue, 1);
        Assert.True(queue.TryTake(_batch, out _));
        Assert.Equal(3, _batch.Count);
    }

    [Fact]
    public void TryTake_HeavyImageBehindLightOnes_RunsAfterThem()
    {
        BatchQueue queue = Queue(budget: 10);
        BatchItem[] light = [Add(queue, 2), Add(queue, 2)];
        BatchItem heavy = Add(queue, 25);
        BatchItem last = Add(queue, 2);
        Assert.True(queue.TryTake(_batch, out _));
        Assert.Equal(light, _batch);

        // Beyond the budget by itself it has a batch of its own, at once.
        Assert.True(queue.TryTake(_batch, out _));
        Assert.Equal([heavy], _batch);
        _time.Advance(Delay);
        Assert.True(queue.TryTake(_batch, out _));
        Assert.Equal([last], _batch);
    }

    [Fact]
    public void Remove_WaitingImage_FreesItsPlaceOnce()
    {
        BatchQueue queue = Queue(maxImages: 2);
        BatchItem first = Add(queue, 1);
        BatchItem second = Add(queue, 1);
        Assert.True(queue.Remove(first));
        Assert.False(queue.Remove(first));
        Assert.False(queue.TryTake(_batch, out _));
        Add(queue, 1);
        Assert.True(queue.TryTake(_batch, out _));
        Assert.Equal(second, _batch[0]);
        Assert.False(queue.Remove(second));
    }

    [Fact]
    public void TryTake_AnyArrivals_TakesEveryImageOnceInOrderWithinLimits() => Gen.Select(
        Gen.Int[1, 5],
        Gen.Int[1, 20],
        Gen.Select(Gen.Int[1, 12], Gen.Int[0, 4]).Array[1, 40]).Sample((maxImages, budget, arrivals) =>
    {
        BatchQueue queue = Queue(maxImages, budget);
        var expected = new List<BatchItem>();
        var taken = new List<BatchItem>();
        void TakeAll()
        {
            while (queue.TryTake(_batch, out _))
            {
                Assert.InRange(_batch.Count, 1, maxImages);
                Assert.True(_batch.Count == 1 || _batch.Sum(item => item.Estimate) <= budget);
                taken.AddRange(_batch);
            }
        }

        foreach ((int estimate, int milliseconds) in arrivals)
        {
            expected.Add(Add(queue, estimate));
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            TakeAll();
            Assert.All(expected.Except(taken), item => Assert.True(_time.GetElapsedTime(item.Queued) < Delay));
        }

        _time.Advance(Delay);
        TakeAll();
        Assert.Equal(expected, taken);
    }, threads: 1);

    private BatchQueue Queue(int maxImages = 8, double budget = double.MaxValue) => new(maxImages, Delay, budget, _time);

    private BatchItem Add(BatchQueue queue, double estimate)
    {
        var item = new BatchItem(null);
        item.Begin(default, estimate, _time.GetTimestamp());
        queue.Add(item);
        return item;
    }
}
