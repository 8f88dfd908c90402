namespace LCNet.Server.UnitTests;

/// <summary>Queues on a clock that stands still.</summary>
internal sealed class TestQueues
{
    /// <summary>FLOPs that take a second where <see cref="Busy"/> made the queue.</summary>
    public const long Second = 1000;

    public ManualTime Time { get; } = new();

    /// <summary>Runs the next image in no time.</summary>
    public static AdmissionTurn Run(AdmissionQueue queue)
    {
        AdmissionTurn turn = queue.Take()!.Value;
        queue.Complete(turn, 0, TimeSpan.Zero);
        return turn;
    }

    /// <summary>Lets in equal requests of client <c>a</c> for as long as there is room.</summary>
    public static List<TestTicket> EnterUntilRefused(AdmissionQueue queue, long flops)
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

    /// <summary>A timestamp that many seconds from now.</summary>
    public long At(double seconds) => Time.GetTimestamp() + TimeSpan.FromSeconds(seconds).Ticks;

    /// <summary>Makes a queue.</summary>
    public AdmissionQueue Create(AdmissionOptions? options = null) => new(options ?? new AdmissionOptions { Quantum = Second }, Time);

    /// <summary>Makes a queue with one slot, which is taken, and a thousand FLOPs a second.</summary>
    public AdmissionQueue Busy(AdmissionOptions? options = null)
    {
        AdmissionQueue queue = Create(options);
        queue.Learn(Second, TimeSpan.FromSeconds(1));
        queue.Enter(new TestTicket("runs", 1));
        queue.Take();
        return queue;
    }
}
