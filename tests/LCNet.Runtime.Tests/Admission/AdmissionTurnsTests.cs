namespace LCNet.Runtime.Tests;

/// <summary>Whose turn it is, and who gives up a place.</summary>
public sealed class AdmissionTurnsTests
{
    private const long Second = TestQueues.Second;
    private readonly TestQueues _queues = new();

    [Fact]
    public void Take_SeveralClients_GetEqualSharesOfTheWorkNotOfTheTurns()
    {
        AdmissionControl queue = _queues.Create(new AdmissionOptions { MaxCount = 1000, Quantum = 100 });
        for (int i = 0; i < 400; i++)
        {
            queue.Enter(new TestTicket("dear", 100));
            queue.Enter(new TestTicket("cheap", 25));
        }

        ILookup<string, TestTicket> run = Enumerable.Range(0, 200).Select(_ => (TestTicket)TestQueues.Run(queue).Ticket).ToLookup(ticket => ticket.Client);

        Assert.InRange(run["dear"].Sum(ticket => ticket.ImageFlops), 0.9 * run["cheap"].Sum(ticket => ticket.ImageFlops), 1.1 * run["cheap"].Sum(ticket => ticket.ImageFlops));
    }

    [Fact]
    public void Take_ClientWhoseImagesTakeLongerThanPlanned_PaysForThat()
    {
        AdmissionControl queue = _queues.Create(new AdmissionOptions { MaxCount = 10_000, Quantum = 100 });
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
        AdmissionControl queue = _queues.Create(new AdmissionOptions { Quantum = Second });
        TestTicket[] tickets = [.. Enumerable.Range(0, 20).Select(i => new TestTicket("a", i))];
        Assert.All(tickets, ticket => Assert.Null(queue.Enter(ticket)));

        Assert.Equal(tickets, Enumerable.Range(0, 20).Select(_ => TestQueues.Run(queue).Ticket));
    }

    [Fact]
    public void Take_Expired_IsToldSoAndNeverRuns()
    {
        AdmissionControl queue = _queues.Create(new AdmissionOptions { Quantum = Second });
        var expired = new TestTicket("a", 1, images: 3, expires: _queues.At(1));
        var good = new TestTicket("a", 1, expires: _queues.At(3));
        queue.Enter(expired);
        queue.Enter(good);
        Assert.Same(expired, queue.Take()!.Value.Ticket);
        _queues.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Same(good, queue.Take()!.Value.Ticket);
        Assert.Equal((2, 0), (expired.Expired, queue.WaitingImages));
    }

    [Fact]
    public void Withdraw_Waiting_FreesItsPlaceAtOnce()
    {
        AdmissionControl queue = _queues.Busy();
        List<TestTicket> tickets = TestQueues.EnterUntilRefused(queue, Second / 4);

        Assert.Equal(1, queue.Withdraw(tickets[1]));
        Assert.Equal(0, queue.Withdraw(tickets[1]));
        Assert.Null(queue.Enter(new TestTicket("a", Second / 4)));
        Assert.NotNull(queue.Enter(new TestTicket("a", Second / 4)));
    }

    [Fact]
    public void Withdraw_BatchThatHasBegun_TakesBackTheRest()
    {
        AdmissionControl queue = _queues.Create(new AdmissionOptions { Quantum = Second, Slots = 2 });
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
        AdmissionControl queue = _queues.Create(new AdmissionOptions { MaxClients = 4, Quantum = 100 });
        for (int i = 0; i < 500; i++)
        {
            Assert.Null(queue.Enter(new TestTicket($"client {i}", 100)));
        }

        Assert.Equal(5, queue.Clients);
        Assert.Equal(500, Enumerable.Range(0, 500).Select(_ => TestQueues.Run(queue).Ticket).Distinct().Count());
        Assert.Equal(0, queue.Clients);
    }

    [Fact]
    public async Task Close_WhileOthersWait_LetsThemGo()
    {
        AdmissionControl queue = _queues.Create();
        var waiting = Task.Run(() => queue.Take(), TestContext.Current.CancellationToken);

        queue.Close();

        Assert.Null(await waiting);
    }

    [Fact]
    public void AnySequence_OfAnyCalls_KeepsTheBooks() => Gen.Select(Gen.Int[0, 5], Gen.Int[0, 3], Gen.Int[1, 4], Gen.Int[0, 300]).Array[0, 200].Sample(steps =>
    {
        AdmissionControl queue = _queues.Create(new AdmissionOptions { Slots = 2, MaxCount = 12, MaxBytes = 2000, MaxClients = 2, Quantum = 300, MaxDelay = TimeSpan.FromSeconds(5) });
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
}
