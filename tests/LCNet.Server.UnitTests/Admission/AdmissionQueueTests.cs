namespace LCNet.Server.UnitTests;

public sealed class AdmissionQueueTests
{
    private const long Second = TestQueues.Second;
    private readonly TestQueues _queues = new();

    [Fact]
    public void Enter_NothingWaits_IsLetInWhateverItCosts()
    {
        AdmissionQueue queue = _queues.Create();

        Assert.Null(queue.Enter(new TestTicket("a", 100 * Second)));
        Assert.Equal((1, 100 * Second), (queue.WaitingImages, queue.WaitingFlops));
    }

    [Fact]
    public void Enter_LongerWaitThanTheObjective_IsRefusedByCostNotByNumber()
    {
        AdmissionQueue cheap = _queues.Busy();
        AdmissionQueue dear = _queues.Busy();

        Assert.Equal(11, TestQueues.EnterUntilRefused(cheap, Second / 10).Count);
        Assert.Equal(2, TestQueues.EnterUntilRefused(dear, Second * 6 / 10).Count);
    }

    [Fact]
    public void Enter_ElasticImagesThatHaveBecomeCheaper_AreWaitedForAtWhatTheyCostNow()
    {
        AdmissionQueue queue = _queues.Busy();
        var first = new TestTicket("a", Second * 4 / 10, images: 3, isElastic: true);
        Assert.Null(queue.Enter(first));
        Assert.Equal(TimeSpan.FromSeconds(1.2), queue.Enter(new TestTicket("a", 1))!.Delay);

        queue.ElasticFlops = Second / 10;
        Assert.Null(queue.Enter(new TestTicket("a", Second * 8 / 10)));
        Assert.Equal(TimeSpan.FromSeconds(1.1), queue.Enter(new TestTicket("a", 1))!.Delay);

        // What they were expected to cost is still what the brownout controller is told, and no cost is higher than that.
        Assert.Equal(TimeSpan.FromSeconds(2), queue.ExpectedDelay);
        queue.ElasticFlops = long.MaxValue;
        Assert.Equal(TimeSpan.FromSeconds(2), queue.Enter(new TestTicket("a", 1))!.Delay);

        queue.ElasticFlops = 0;
        Assert.Equal(3, queue.Withdraw(first));
        Assert.Null(queue.Enter(new TestTicket("a", Second * 5 / 10)));
        Assert.Equal(TimeSpan.FromSeconds(1.3), queue.Enter(new TestTicket("a", 1))!.Delay);
    }

    [Fact]
    public void Enter_Refused_IsToldTheDelayAndWhenToTryAgain()
    {
        AdmissionQueue queue = _queues.Busy();
        TestTicket last = TestQueues.EnterUntilRefused(queue, Second * 3 / 2)[^1];

        AdmissionRefusal refusal = queue.Enter(new TestTicket(last.Client, 1))!;

        Assert.Equal((RefusalReason.Delay, TimeSpan.FromSeconds(1.5)), (refusal.Reason, refusal.Delay));
        Assert.InRange(refusal.RetryAfter, 0.5 * refusal.Delay, 1.5 * refusal.Delay);
    }

    [Fact]
    public void Enter_NothingKnownOfTheSpeed_IsBoundedByNumber()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxCount = 3, Quantum = Second });

        // One runs, three wait.
        Assert.Equal(4, TestQueues.EnterUntilRefused(queue, Second).Count);
        Assert.Equal(RefusalReason.Count, queue.Enter(new TestTicket("a", 1))!.Reason);
    }

    [Fact]
    public void Enter_MoreBytesThanMayWait_IsRefused()
    {
        AdmissionQueue queue = _queues.Busy(new AdmissionOptions { MaxBytes = 100, MaxDelay = TimeSpan.FromSeconds(1), Quantum = Second });

        Assert.Null(queue.Enter(new TestTicket("a", 1, bytes: 60)));
        Assert.Equal(RefusalReason.Bytes, queue.Enter(new TestTicket("a", 1, bytes: 60))!.Reason);
        Assert.Null(queue.Enter(new TestTicket("a", 1, bytes: 40)));
        Assert.Equal(100, queue.WaitingBytes);
    }

    [Fact]
    public void Enter_NoRoomToWait_TakesOneAsLongAsASlotIsFree()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxCount = 0, Slots = 2, Quantum = Second });

        Assert.Null(queue.Enter(new TestTicket("a", 1)));
        Assert.Null(queue.Enter(new TestTicket("a", 1)));
        Assert.Equal(RefusalReason.Count, queue.Enter(new TestTicket("a", 1))!.Reason);

        AdmissionTurn turn = queue.Take()!.Value;
        queue.Complete(turn, 0, TimeSpan.Zero);
        Assert.Null(queue.Enter(new TestTicket("a", 1)));
    }

    [Fact]
    public void Enter_DeadlineBeforeItsTurn_IsRefusedAtOnce()
    {
        AdmissionQueue queue = _queues.Busy();
        queue.Enter(new TestTicket("a", Second / 2));

        Assert.Equal(RefusalReason.Deadline, queue.Enter(new TestTicket("a", Second / 10, expires: _queues.At(0.55)))!.Reason);
        Assert.Null(queue.Enter(new TestTicket("a", Second / 10, expires: _queues.At(0.65))));
    }

    [Fact]
    public void Enter_MeasuredSpeedFalls_LetsLessIn()
    {
        AdmissionQueue queue = _queues.Busy();
        for (int i = 0; i < 200; i++)
        {
            queue.Learn(Second / 10, TimeSpan.FromSeconds(1));
        }

        Assert.Single(TestQueues.EnterUntilRefused(queue, Second / 2));
    }

    [Fact]
    public void Enter_Batch_IsLetInOrRefusedAsAWhole()
    {
        AdmissionQueue queue = _queues.Busy(new AdmissionOptions { MaxCount = 10, Quantum = Second });

        Assert.Null(queue.Enter(new TestTicket("a", 1, images: 6)));
        Assert.NotNull(queue.Enter(new TestTicket("a", 1, images: 6)));
        Assert.Equal(6, queue.WaitingImages);
    }

    [Fact]
    public void Enter_BatchLargerThanTheQueue_IsLetInWhereNothingWaits()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxCount = 0, Quantum = Second });

        Assert.Null(queue.Enter(new TestTicket("a", 1, images: 100)));
        Assert.Equal(Enumerable.Range(0, 100), Enumerable.Range(0, 100).Select(_ => TestQueues.Run(queue).Image));
    }

    [Fact]
    public void Enter_QueueFullOfAnotherClients_DisplacesTheLatestOfWhoHasMost()
    {
        AdmissionQueue queue = _queues.Busy(new AdmissionOptions { MaxCount = 3, Quantum = Second });
        TestTicket[] flood = [.. Enumerable.Range(0, 3).Select(_ => new TestTicket("flood", 1))];
        Assert.All(flood, ticket => Assert.Null(queue.Enter(ticket)));

        Assert.Null(queue.CheckAny("other"));
        Assert.NotNull(queue.CheckAny("flood"));
        Assert.Null(queue.Enter(new TestTicket("other", 1)));

        Assert.Equal([null, null, RefusalReason.Count], flood.Select(ticket => ticket.Displaced?.Reason));
        Assert.Equal(3, queue.WaitingImages);

        // Two of one and one of the other: nobody has so much more that it would be fair.
        Assert.Equal(RefusalReason.Count, queue.Enter(new TestTicket("other", 1))!.Reason);
    }

    [Fact]
    public void Enter_BatchThatHasBegun_IsNotDisplaced()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxCount = 3, Quantum = Second });
        var batch = new TestTicket("flood", 1, images: 4);
        queue.Enter(batch);
        queue.Take();

        Assert.NotNull(queue.Enter(new TestTicket("other", 1)));
        Assert.Null(batch.Displaced);
    }

    [Fact]
    public void Enter_FloodOfAnotherClients_DoesNotCountAsWhatIsAhead()
    {
        AdmissionQueue queue = _queues.Busy();
        TestQueues.EnterUntilRefused(queue, Second / 10);

        Assert.NotNull(queue.CheckAny("a"));
        Assert.Null(queue.CheckAny("b"));
        Assert.Null(queue.Enter(new TestTicket("b", Second / 10, expires: _queues.At(0.35))));
        Assert.Equal(RefusalReason.Deadline, queue.Enter(new TestTicket("b", Second / 10, expires: _queues.At(0.35)))!.Reason);
    }

    [Theory]
    [InlineData(0, 1, 1, 1)]
    [InlineData(1, -1, 1, 1)]
    [InlineData(1, 1, 0, 1)]
    [InlineData(1, 1, 1, 0)]
    public void Create_OptionOutOfRange_IsRefused(int slots, int count, int clients, long quantum) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _queues.Create(new AdmissionOptions { Slots = slots, MaxCount = count, MaxClients = clients, Quantum = quantum }));
}
