namespace LCNet.Server.Admission;

/// <summary>
/// The lines of all clients that have images waiting or running, and whose turn it is: deficit round robin over planned FLOPs. Belongs to an
/// <see cref="AdmissionQueue"/>, under its lock.
/// </summary>
/// <param name="quantum">FLOPs that a line may spend in one round.</param>
internal sealed class DeficitRoundRobin(int maxClients, long quantum)
{
    // In rounds. Bounds what one image that took very long can hold against its client, and the search for who is next.
    private const int MaxDebt = 256;
    private const string Others = "\0others";

    private readonly Dictionary<string, ClientQueue> _lines = new(StringComparer.Ordinal);
    private readonly LinkedList<ClientQueue> _round = [];

    /// <summary>Number of clients that have a line.</summary>
    public int Clients => _lines.Count;

    /// <summary>Number of images that wait.</summary>
    public int Images { get; private set; }

    /// <summary>FLOPs that those were expected to cost when they came.</summary>
    public long Flops { get; private set; }

    /// <summary>Bytes that their requests hold.</summary>
    public long Bytes { get; private set; }

    /// <summary>The line that a client's next request would go to; null where that is yet to be opened.</summary>
    public ClientQueue? QueueOf(string client) =>
        _lines.TryGetValue(client, out ClientQueue? line) || (_lines.Count >= maxClients && _lines.TryGetValue(Others, out line)) ? line : null;

    /// <summary>FLOPs that get done before a client's next request is: until then each other client gets as much done as it, or all that it has.</summary>
    /// <param name="line">The client's; null where it has none.</param>
    public long Ahead(ClientQueue? line, long flops, long elastic)
    {
        long own = line?.FlopsNow(elastic) ?? 0;
        long ahead = own;
        foreach (ClientQueue other in _round)
        {
            ahead += other == line ? 0 : Math.Min(other.FlopsNow(elastic), own + flops);
        }

        return ahead;
    }

    /// <summary>
    /// The requests that make room for a client's next one: the latest of whichever other client has most at the time, as long as that is more than the client would have
    /// itself; none that has begun. Only looks: nothing is removed.
    /// </summary>
    /// <param name="line">The client's; null where it has none.</param>
    /// <param name="excessImages">Images that have to go; none where it is not above 0.</param>
    /// <returns>Null where there is not as much to be had; then nobody should make room.</returns>
    public List<AdmissionTicket>? MakeRoom(ClientQueue? line, int images, long bytes, long excessImages, long excessBytes)
    {
        List<AdmissionTicket>? victims = null;
        Dictionary<ClientQueue, Remainder>? remainders = null;
        while (excessImages > 0 || excessBytes > 0)
        {
            bool byImages = excessImages > 0;
            Remainder longest = default;
            foreach (ClientQueue other in _round)
            {
                Remainder left = remainders is not null && remainders.TryGetValue(other, out Remainder known) ? known : new Remainder(other, other.Tickets.Last, other.Images, other.Bytes);
                if (other != line && left.Last is { Value.Taken: 0 } && (longest.Last is null || left.Size(byImages) > longest.Size(byImages)))
                {
                    longest = left;
                }
            }

            long own = byImages ? (line?.Images ?? 0) + images : (line?.Bytes ?? 0) + bytes;
            if (longest.Last is null || longest.Size(byImages) <= own)
            {
                return null;
            }

            AdmissionTicket victim = longest.Last.Value;
            (victims ??= []).Add(victim);
            (remainders ??= [])[longest.Line] = new Remainder(longest.Line, longest.Last.Previous, longest.Images - victim.Images, longest.Bytes - victim.Bytes);
            excessImages -= victim.Images;
            excessBytes -= victim.Bytes;
        }

        return victims;
    }

    /// <summary>Puts a request at the end of its client's line.</summary>
    public void Add(AdmissionTicket ticket)
    {
        ClientQueue? line = QueueOf(ticket.Client);
        if (line is null)
        {
            line = new ClientQueue(_lines.Count < maxClients ? ticket.Client : Others);
            _lines.Add(line.Client, line);
        }

        if (line.Tickets.Count == 0)
        {
            _round.AddLast(line);
        }

        ticket.Line = line;
        ticket.Place = line.Tickets.AddLast(ticket);
        Count(line, ticket, ticket.Images, ticket.Bytes);
    }

    /// <summary>Takes a request's images that wait out of its line.</summary>
    /// <returns>How many those were; 0 where none waits.</returns>
    public int Remove(AdmissionTicket ticket)
    {
        if (ticket.Place is not { } place)
        {
            return 0;
        }

        ClientQueue line = ticket.Line!;
        int left = ticket.Waiting;
        line.Tickets.Remove(place);
        ticket.Place = null;
        Count(line, ticket, -left, -ticket.Bytes);
        if (line.Tickets.Count == 0)
        {
            _round.Remove(line);
            line.HasQuantum = false;
        }

        Forget(line);
        return left;
    }

    /// <summary>The request whose turn it is: of the first line in the round that can pay for its next image.</summary>
    /// <returns>Null where none waits.</returns>
    public AdmissionTicket? Next()
    {
        if (_round.Count == 0)
        {
            return null;
        }

        // There is one that can, as every round gives each line more to spend.
        while (true)
        {
            ClientQueue line = _round.First!.Value;
            if (!line.HasQuantum)
            {
                line.HasQuantum = true;
                line.Deficit = Bound(line.Deficit + quantum);
            }

            AdmissionTicket next = line.Tickets.First!.Value;
            if (_round.Count == 1 || line.Deficit >= Math.Min(next.ImageFlops, quantum))
            {
                return next;
            }

            _round.RemoveFirst();
            _round.AddLast(line);
            line.HasQuantum = false;
        }
    }

    /// <summary>Begins the next image of a request, at its client's expense.</summary>
    public AdmissionTurn Begin(AdmissionTicket ticket)
    {
        ClientQueue line = ticket.Line!;
        var turn = new AdmissionTurn(ticket, ticket.Taken++);
        line.Running++;
        Charge(line, ticket.ImageFlops);
        Count(line, ticket, -1, 0);
        if (ticket.Taken == ticket.Images)
        {
            Remove(ticket);
        }

        return turn;
    }

    /// <summary>Ends an image.</summary>
    /// <param name="spent">What it took, in FLOPs at the speed of all images; null where that is what was planned.</param>
    public void End(AdmissionTicket ticket, double? spent)
    {
        ClientQueue line = ticket.Line!;
        line.Running--;
        if (spent is double flops)
        {
            Charge(line, (long)Math.Min(flops, MaxDebt * (double)quantum) - ticket.ImageFlops);
        }

        Forget(line);
    }

    private void Count(ClientQueue line, AdmissionTicket ticket, int images, long bytes)
    {
        long flops = images * ticket.ImageFlops;
        Images += images;
        Flops += flops;
        Bytes += bytes;
        line.Images += images;
        line.Flops += flops;
        line.Bytes += bytes;
        if (ticket.IsElastic)
        {
            line.ElasticImages += images;
            line.ElasticFlops += flops;
        }
    }

    // What a client owes is forgotten with it: it has waited for all that it sent.
    private void Forget(ClientQueue line)
    {
        if (line.Tickets.Count == 0 && line.Running == 0)
        {
            _lines.Remove(line.Client);
        }
    }

    // While nobody else waits there is no round in which a line would be given more to spend, and nobody at whose expense it spends: it owes nothing.
    private void Charge(ClientQueue line, long flops)
    {
        bool isAlone = _round.Count == 0 || (_round.Count == 1 && _round.First!.Value == line);
        line.Deficit = Math.Max(Bound(line.Deficit - flops), isAlone ? 0 : long.MinValue);
    }

    private long Bound(long deficit) => Math.Clamp(deficit, -MaxDebt * quantum, quantum);

    // What a line would have left, were its latest requests taken from it.
    private readonly record struct Remainder(ClientQueue Line, LinkedListNode<AdmissionTicket>? Last, long Images, long Bytes)
    {
        public long Size(bool byImages) => byImages ? Images : Bytes;
    }
}

/// <summary>What one client has in a queue. Belongs to the queue, under its lock.</summary>
internal sealed class ClientQueue(string client)
{
    /// <summary>The client whose line it is.</summary>
    public string Client => client;

    /// <summary>In the order in which they came.</summary>
    public LinkedList<AdmissionTicket> Tickets { get; } = [];

    /// <summary>Number of images that wait.</summary>
    public int Images { get; set; }

    /// <summary>What those were expected to cost when they came.</summary>
    public long Flops { get; set; }

    /// <summary>Those of them that are elastic.</summary>
    public int ElasticImages { get; set; }

    /// <summary>What the elastic ones were expected to cost when they came.</summary>
    public long ElasticFlops { get; set; }

    /// <summary>Bytes that their requests hold.</summary>
    public long Bytes { get; set; }

    /// <summary>Number of images that run.</summary>
    public int Running { get; set; }

    /// <summary>FLOPs that it may still spend in this round; below zero where its images took longer than was planned.</summary>
    public long Deficit { get; set; }

    /// <summary>Whether it has been given what it may spend in this round.</summary>
    public bool HasQuantum { get; set; }

    /// <summary>FLOPs that the waiting images would cost now.</summary>
    public long FlopsNow(long elastic) => ElasticImages == 0 ? Flops : Flops - ElasticFlops + (long)Math.Min(ElasticFlops, (double)ElasticImages * elastic);
}
