namespace LCNet.Runtime.Tests;

public sealed class AdmissionControlTests
{
    private const long Second = 1000;
    private readonly ManualTime _time = new();

    [Fact]
    public void Enter_NothingWaits_IsLetInWhateverItCosts()
    {
        AdmissionControl queue = Queue();

        Assert.Null(queue.Enter(new TestTicket("a", 100 * Second)));
        Assert.Equal((1, 100 * Second), (queue.WaitingImages, queue.WaitingFlops));
    }

    [Fact]
    public void Enter_LongerWaitThanTheObjective_IsRefusedByCostNotByNumber()
    {
        AdmissionControl cheap = Busy();
        AdmissionControl dear = Busy();

        Assert.Equal(11, EnterUntilRefused(cheap, Second / 10).Count);
        Assert.Equal(2, EnterUntilRefused(dear, Second * 6 / 10).Count);
    }

    [Fact]
    public void Enter_Refused_IsToldTheDelayAndWhenToTryAgain()
    {
        AdmissionControl queue = Busy();
        TestTicket last = EnterUntilRefused(queue, Second * 3 / 2)[^1];

        AdmissionRefusal refusal = queue.Enter(new TestTicket(last.Client, 1))!;

        Assert.Equal((RefusalReason.Delay, TimeSpan.FromSeconds(1.5)), (refusal.Reason, refusal.Delay));
        Assert.InRange(refusal.RetryAfter, 0.5 * refusal.Delay, 1.5 * refusal.Delay);
    }

    [Fact]
    public void Enter_NothingKnownOfTheSpeed_IsBoundedByNumber()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { MaxCount = 3, Quantum = Second });

        // One runs, three wait.
        Assert.Equal(4, EnterUntilRefused(queue, Second).Count);
        Assert.Equal(RefusalReason.Count, queue.Enter(new TestTicket("a", 1))!.Reason);
    }

    [Fact]
    public void Enter_MoreBytesThanMayWait_IsRefused()
    {
        AdmissionControl queue = Busy(new AdmissionOptions { MaxBytes = 100, MaxDelay = TimeSpan.FromSeconds(1), Quantum = Second });

        Assert.Null(queue.Enter(new TestTicket("a", 1, bytes: 60)));
        Assert.Equal(RefusalReason.Bytes, queue.Enter(new TestTicket("a", 1, bytes: 60))!.Reason);
        Assert.Null(queue.Enter(new TestTicket("a", 1, bytes: 40)));
        Assert.Equal(100, queue.WaitingBytes);
    }

    [Fact]
    public void Enter_NoRoomToWait_TakesOneAsLongAsASlotIsFree()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { MaxCount = 0, Slots = 2, Quantum = Second });

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
        AdmissionControl queue = Busy();
        queue.Enter(new TestTicket("a", Second / 2));

        Assert.Equal(RefusalReason.Deadline, queue.Enter(new TestTicket("a", Second / 10, expires: At(0.55)))!.Reason);
        Assert.Null(queue.Enter(new TestTicket("a", Second / 10, expires: At(0.65))));
    }

    [Fact]
    public void Enter_MeasuredSpeedFalls_LetsLessIn()
    {
        AdmissionControl queue = Busy();
        for (int i = 0; i < 200; i++)
        {
            queue.Learn(Second / 10, TimeSpan.FromSeconds(1));
        }

        Assert.Single(EnterUntilRefused(queue, Second / 2));
    }

    [Fact]
    public void Enter_Batch_IsLetInOrRefusedAsAWhole()
    {
        AdmissionControl queue = Busy(new AdmissionOptions { MaxCount = 10, Quantum = Second });

        Assert.Null(queue.Enter(new TestTicket("a", 1, images: 6)));
        Assert.NotNull(queue.Enter(new TestTicket("a", 1, images: 6)));
        Assert.Equal(6, queue.WaitingImages);
    }

    [Fact]
    public void Enter_BatchLargerThanTheQueue_IsLetInWhereNothingWaits()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { MaxCount = 0, Quantum = Second });

        Assert.Null(queue.Enter(new TestTicket("a", 1, images: 100)));
        Assert.Equal(Enumerable.Range(0, 100), Enumerable.Range(0, 100).Select(_ => Run(queue).Image));
    }

    [Fact]
    public void Enter_QueueFullOfAnotherClients_DisplacesTheLatestOfWhoHasMost()
    {
        AdmissionControl queue = Busy(new AdmissionOptions { MaxCount = 3, Quantum = Second });
        TestTicket[] flood = [.. Enumerable.Range(0, 3).Select(_ => new TestTicket("flood", 1))];
        Assert.All(flood, ticket => Assert.Null(queue.Enter(ticket)));

        Assert.Null(queue.Glance("other"));
        Assert.NotNull(queue.Glance("flood"));
        Assert.Null(queue.Enter(new TestTicket("other", 1)));

        Assert.Equal([null, null, RefusalReason.Count], flood.Select(ticket => ticket.Displaced?.Reason));
        Assert.Equal(3, queue.WaitingImages);

        // Two of one and one of the other: nobody has so much more that it would be fair.
        Assert.Equal(RefusalReason.Count, queue.Enter(new TestTicket("other", 1))!.Reason);
    }

    [Fact]
    public void Enter_BatchThatHasBegun_IsNotDisplaced()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { MaxCount = 3, Quantum = Second });
        var batch = new TestTicket("flood", 1, images: 4);
        queue.Enter(batch);
        queue.Take();

        Assert.NotNull(queue.Enter(new TestTicket("other", 1)));
        Assert.Null(batch.Displaced);
    }

    [Fact]
    public void Enter_FloodOfAnotherClients_DoesNotCountAsWhatIsAhead()
    {
        AdmissionControl queue = Busy();
        EnterUntilRefused(queue, Second / 10);

        Assert.NotNull(queue.Glance("a"));
        Assert.Null(queue.Glance("b"));
        Assert.Null(queue.Enter(new TestTicket("b", Second / 10, expires: At(0.35))));
        Assert.Equal(RefusalReason.Deadline, queue.Enter(new TestTicket("b", Second / 10, expires: At(0.35)))!.Reason);
    }

    [Fact]
    public void Take_SeveralClients_GetEqualSharesOfTheWorkNotOfTheTurns()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { MaxCount = 1000, Quantum = 100 });
        for (int i = 0; i < 400; i++)
        {
            queue.Enter(new TestTicket("dear", 100));
            queue.Enter(new TestTicket("cheap", 25));
        }

        ILookup<string, TestTicket> run = Enumerable.Range(0, 200).Select(_ => (TestTicket)Run(queue).Ticket).ToLookup(ticket => ticket.Client);

        Assert.InRange(run["dear"].Sum(ticket => ticket.ImageFlops), 0.9 * run["cheap"].Sum(ticket => ticket.ImageFlops), 1.1 * run["cheap"].Sum(ticket => ticket.ImageFlops));
    }

    [Fact]
    public void Take_ClientWhoseImagesTakeLongerThanPlanned_PaysForThat()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { MaxCount = 10_000, Quantum = 100 });
        for (int i = 0; i < 1000; i++)
        {
            queue.Enter(new TestTicket("slow", 100));
            queue.Enter(new TestTicket("plain", 100));
        }

        // Those of one, say of huge files, take ten times as long.
        int slow = 0;
        for (int i = 0; i < 1000; i++)
        {
            AdmissionTurn turn = queue.Take()!.Value;
            bool isSlow = turn.Ticket.Client == "slow";
            slow += isSlow ? 1 : 0;
            queue.Complete(turn, 100, TimeSpan.FromSeconds(isSlow ? 1 : 0.1));
        }

        // Not the eleventh that equal times would be, as credit is bounded, but far from the half that equal plans would be.
        Assert.InRange(slow, 60, 250);
    }

    [Fact]
    public void Take_OneClient_RunsInOrder()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { Quantum = Second });
        TestTicket[] tickets = [.. Enumerable.Range(0, 20).Select(i => new TestTicket("a", i))];
        Assert.All(tickets, ticket => Assert.Null(queue.Enter(ticket)));

        Assert.Equal(tickets, Enumerable.Range(0, 20).Select(_ => Run(queue).Ticket));
    }

    [Fact]
    public void Take_Expired_IsToldSoAndNeverRuns()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { Quantum = Second });
        var expired = new TestTicket("a", 1, images: 3, expires: At(1));
        var good = new TestTicket("a", 1, expires: At(3));
        queue.Enter(expired);
        queue.Enter(good);
        Assert.Same(expired, queue.Take()!.Value.Ticket);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Same(good, queue.Take()!.Value.Ticket);
        Assert.Equal((2, 0), (expired.Expired, queue.WaitingImages));
    }

    [Fact]
    public void Withdraw_Waiting_FreesItsPlaceAtOnce()
    {
        AdmissionControl queue = Busy();
        List<TestTicket> tickets = EnterUntilRefused(queue, Second / 4);

        Assert.Equal(1, queue.Withdraw(tickets[1]));
        Assert.Equal(0, queue.Withdraw(tickets[1]));
        Assert.Null(queue.Enter(new TestTicket("a", Second / 4)));
        Assert.NotNull(queue.Enter(new TestTicket("a", Second / 4)));
    }

    [Fact]
    public void Withdraw_BatchThatHasBegun_TakesBackTheRest()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { Quantum = Second, Slots = 2 });
        var batch = new TestTicket("a", 10, images: 5, bytes: 70);
        queue.Enter(batch);
        queue.Take();
        queue.Take();

        Assert.Equal(3, queue.Withdraw(batch));
        Assert.Equal((0, 0, 0), (queue.WaitingImages, queue.WaitingFlops, queue.WaitingBytes));
    }

    [Fact]
    public void Clients_MoreThanAreTracked_ShareALine()
    {
        AdmissionControl queue = Queue(new AdmissionOptions { MaxClients = 4, Quantum = 100 });
        for (int i = 0; i < 500; i++)
        {
            Assert.Null(queue.Enter(new TestTicket($"client {i}", 100)));
        }

        Assert.Equal(5, queue.Clients);
        Assert.Equal(500, Enumerable.Range(0, 500).Select(_ => Run(queue).Ticket).Distinct().Count());
        Assert.Equal(0, queue.Clients);
    }

    [Fact]
    public async Task Close_WhileOthersWait_LetsThemGo()
    {
        AdmissionControl queue = Queue();
        var waiting = Task.Run(() => queue.Take(), TestContext.Current.CancellationToken);

        queue.Close();

        Assert.Null(await waiting);
    }

    [Theory]
    [InlineData(0, 1, 1, 1)]
    [InlineData(1, -1, 1, 1)]
    [InlineData(1, 1, 0, 1)]
    [InlineData(1, 1, 1, 0)]
    public void Create_OptionOutOfRange_IsRefused(int slots, int count, int clients, long quantum) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Queue(new AdmissionOptions { Slots = slots, MaxCount = count, MaxClients = clients, Quantum = quantum }));

    [Fact]
    public void AnySequence_OfAnyCalls_KeepsTheBooks() => Gen.Select(Gen.Int[0, 5], Gen.Int[0, 3], Gen.Int[1, 4], Gen.Int[0, 300]).Array[0, 200].Sample(steps =>
    {
        AdmissionControl queue = Queue(new AdmissionOptions { Slots = 2, MaxCount = 12, MaxBytes = 2000, MaxClients = 2, Quantum = 300, MaxDelay = TimeSpan.FromSeconds(5) });
        queue.Learn(300, TimeSpan.FromSeconds(1));
        var waiting = new Dictionary<TestTicket, int>();
        var running = new List<AdmissionTurn>();
        foreach ((int step, int client, int images, int size) in steps)
        {
            switch (step)
            {
                case 0 or 1 or 2:
                    var ticket = new TestTicket($"client {client}", size, images, size);
                    if (queue.Enter(ticket) is null)
                    {
                        waiting.Add(ticket, images);
                    }

                    break;
                case 3 when waiting.Count > 0 && running.Count < 2:
                    AdmissionTurn turn = queue.Take()!.Value;
                    running.Add(turn);
                    waiting[(TestTicket)turn.Ticket]--;
                    break;
                case 4 when running.Count > 0:
                    queue.Complete(running[0], running[0].Ticket.ImageFlops, TimeSpan.FromSeconds(size / 100.0));
                    running.RemoveAt(0);
                    break;
                case 5 when waiting.Count > 0:
                    TestTicket given = waiting.Keys.ElementAt(size % waiting.Count);
                    Assert.Equal(waiting[given], queue.Withdraw(given));
                    waiting.Remove(given);
                    break;
            }

            foreach (TestTicket gone in waiting.Where(pair => pair.Value == 0 || pair.Key.Displaced is not null).Select(pair => pair.Key).ToArray())
            {
                waiting.Remove(gone);
            }

            Assert.Equal(waiting.Values.Sum(), queue.WaitingImages);
            Assert.Equal(waiting.Sum(pair => pair.Value * pair.Key.ImageFlops), queue.WaitingFlops);
            Assert.Equal(waiting.Sum(pair => pair.Key.Bytes), queue.WaitingBytes);
            Assert.InRange(queue.Clients, waiting.Count > 0 ? 1 : 0, 3);
        }
    });

    private static AdmissionTurn Run(AdmissionControl queue)
    {
        AdmissionTurn turn = queue.Take()!.Value;
        queue.Complete(turn, 0, TimeSpan.Zero);
        return turn;
    }

    private static List<TestTicket> EnterUntilRefused(AdmissionControl queue, long flops)
    {
        var entered = new List<TestTicket>();
        while (true)
        {
            var ticket = new TestTicket("a", flops);
            if (queue.Enter(ticket) is not null)
            {
                return entered;
            }

            entered.Add(ticket);
        }
    }

    private long At(double seconds) => _time.GetTimestamp() + TimeSpan.FromSeconds(seconds).Ticks;

    private AdmissionControl Queue(AdmissionOptions? options = null) => new(options ?? new AdmissionOptions { Quantum = Second }, _time);

    // One slot, which is taken, and a thousand FLOPs a second.
    private AdmissionControl Busy(AdmissionOptions? options = null)
    {
        AdmissionControl queue = Queue(options);
        queue.Learn(Second, TimeSpan.FromSeconds(1));
        queue.Enter(new TestTicket("runs", 1));
        queue.Take();
        return queue;
    }
}
