using System.Globalization;

namespace LCNet.Server.UnitTests;

/// <summary>Whose turn it is, and who gives up a place.</summary>
public sealed class AdmissionTurnsTests
{
    private const long Second = TestQueues.Second;
    private readonly TestQueues _queues = new();

    [Fact]
    public void Take_SeveralClients_GetEqualSharesOfTheWorkNotOfTheTurns()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxCount = 1000, Quantum = 100 });
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
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxCount = 10_000, Quantum = 100 });
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

    [Theory]
    [InlineData(1.0)]
    [InlineData(1.7)]
    public void Take_ClientThatWasAlone_OwesNothingToOneThatJoins(double slowness)
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxCount = 10_000, Slots = 2, Quantum = 100, MaxDelay = TimeSpan.MaxValue });
        queue.Learn(50, TimeSpan.FromSeconds(1));
        void Enter(string client) => Assert.Null(queue.Enter(new TestTicket(client, 50)));
        TestTicket Run()
        {
            AdmissionTurn turn = queue.Take()!.Value;
            queue.Complete(turn, 50, TimeSpan.FromSeconds(slowness));
            return (TestTicket)turn.Ticket;
        }

        for (int i = 0; i < 2000; i++)
        {
            Enter("alone");
        }

        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal("alone", Run().Client);
        }

        for (int i = 0; i < 100; i++)
        {
            Enter("joins");
        }

        // Two images of each a round, from the first round on.
        string[] run = [.. Enumerable.Range(0, 40).Select(_ => Run().Client)];
        Assert.InRange(run.Take(8).Count(client => client == "alone"), 3, 5);
        Assert.InRange(run.Count(client => client == "alone"), 18, 22);
    }

    [Fact]
    public void Enter_AnyRefusal_DisplacesNobody() =>
        Gen.Select(Gen.Int[0, 4], Gen.Int[1, 9], Gen.Int[0, 60], Gen.Bool).Array[1, 40].Sample(requests =>
        {
            AdmissionQueue queue = _queues.Busy(new AdmissionOptions { MaxCount = 12, MaxBytes = 100, Quantum = Second, MaxDelay = TimeSpan.FromSeconds(2) });
            var waiting = new List<TestTicket>();
            foreach ((int client, int images, int bytes, bool isDear) in requests)
            {
                var ticket = new TestTicket($"client {client}", isDear ? Second / 10 : 1, images, bytes);
                bool wouldFit = queue.CheckAny(ticket.Client) is null;
                bool isIn = queue.Enter(ticket) is null;
                TestTicket[] displaced = [.. waiting.Where(other => other.Displaced is not null)];
                Assert.True(isIn || displaced.Length == 0, "Refused, and others displaced.");
                Assert.True(wouldFit || !isIn, "The cheapest image would have been refused, and a dearer request was not.");
                Assert.All(displaced, other => Assert.NotEqual(ticket.Client, other.Client));
                waiting.RemoveAll(displaced.Contains);
                if (isIn)
                {
                    waiting.Add(ticket);
                }

                Assert.Equal(waiting.Sum(other => other.Images), queue.WaitingImages);
                Assert.InRange(queue.WaitingBytes, 0, 100);
            }
        });

    [Fact]
    public async Task Enter_ManyThreadsAreIdle_WakesAsManyAsThereAreImages()
    {
        const int Threads = 24;
        const int Requests = 300;
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { Slots = Threads, Quantum = Second });
        using var done = new SemaphoreSlim(0);
        long[] switches = new long[Threads];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(index => new Thread(() =>
        {
            while (queue.Take() is { } turn)
            {
                queue.Complete(turn, 0, TimeSpan.Zero);
                done.Release();
            }

            // How often the kernel put this thread to sleep.
            string line = File.ReadLines("/proc/thread-self/status").First(each => each.StartsWith("voluntary_ctxt_switches", StringComparison.Ordinal));
            switches[index] = long.Parse(line.Split(':')[1], CultureInfo.InvariantCulture);
        }))];
        Assert.All(threads, thread => thread.Start());
        for (int i = 0; i < Requests; i++)
        {
            Assert.Null(queue.Enter(new TestTicket("a", 1)));
            Assert.True(await done.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        }

        queue.Close();
        Assert.All(threads, thread => Assert.True(thread.Join(TimeSpan.FromSeconds(30))));

        // Were all woken for each request it were as many as requests times threads.
        Assert.InRange(switches.Sum(), Requests / 2, Requests * Threads / 3);
    }

    [Fact]
    public void Take_OneClient_RunsInOrder()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { Quantum = Second });
        TestTicket[] tickets = [.. Enumerable.Range(0, 20).Select(i => new TestTicket("a", i))];
        Assert.All(tickets, ticket => Assert.Null(queue.Enter(ticket)));

        Assert.Equal(tickets, Enumerable.Range(0, 20).Select(_ => TestQueues.Run(queue).Ticket));
    }

    [Fact]
    public void Take_Expired_IsToldSoAndNeverRuns()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { Quantum = Second });
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
        AdmissionQueue queue = _queues.Busy();
        List<TestTicket> tickets = TestQueues.EnterUntilRefused(queue, Second / 4);

        Assert.Equal(1, queue.Withdraw(tickets[1]));
        Assert.Equal(0, queue.Withdraw(tickets[1]));
        Assert.Null(queue.Enter(new TestTicket("a", Second / 4)));
        Assert.NotNull(queue.Enter(new TestTicket("a", Second / 4)));
    }

    [Fact]
    public void Withdraw_BatchThatHasBegun_TakesBackTheRest()
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { Quantum = Second, Slots = 2 });
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
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { MaxClients = 4, Quantum = 100 });
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
        AdmissionQueue queue = _queues.Create();
        var waiting = Task.Run(() => queue.Take(), TestContext.Current.CancellationToken);

        queue.Close();

        Assert.Null(await waiting);
    }

    [Fact]
    public void AnySequence_OfAnyCalls_KeepsTheBooks() => Gen.Select(Gen.Int[0, 5], Gen.Int[0, 3], Gen.Int[1, 4], Gen.Int[0, 300]).Array[0, 200].Sample(steps =>
    {
        AdmissionQueue queue = _queues.Create(new AdmissionOptions { Slots = 2, MaxCount = 12, MaxBytes = 2000, MaxClients = 2, Quantum = 300, MaxDelay = TimeSpan.FromSeconds(5) });
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
