namespace LCNet.Runtime;

/// <summary>What one client has in a queue. Belongs to the queue, under its lock.</summary>
internal sealed class ClientLine(string client)
{
    /// <summary>Whose it is.</summary>
    public string Client => client;

    /// <summary>In the order in which they came.</summary>
    public LinkedList<AdmissionTicket> Tickets { get; } = [];

    /// <summary>Images that wait.</summary>
    public int Images { get; set; }

    /// <summary>What those were expected to cost when they came.</summary>
    public long Flops { get; set; }

    /// <summary>Those of them that are elastic.</summary>
    public int ElasticImages { get; set; }

    /// <summary>What the elastic ones were expected to cost when they came.</summary>
    public long ElasticFlops { get; set; }

    /// <summary>What their requests hold.</summary>
    public long Bytes { get; set; }

    /// <summary>Images that run.</summary>
    public int Running { get; set; }

    /// <summary>FLOPs that it may still spend in this round; below zero where its images took longer than was planned.</summary>
    public long Deficit { get; set; }

    /// <summary>Whether it has been given what it may spend in this round.</summary>
    public bool IsServed { get; set; }

    /// <summary>What those that wait would cost now.</summary>
    /// <param name="elastic">What an elastic one costs now.</param>
    public long FlopsNow(long elastic) => ElasticImages == 0 ? Flops : Flops - ElasticFlops + (long)Math.Min(ElasticFlops, (double)ElasticImages * elastic);
}
