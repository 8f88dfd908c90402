namespace LCNet.Runtime;

/// <summary>
/// What waits for a model, bounded by the time that it is expected to take, by number and by bytes. Clients take turns by what their images
/// cost (deficit round robin), so one that floods the queue waits for itself and the others hardly notice. Thread-safe.
/// </summary>
/// <remarks>
/// One lock around short, plain arithmetic: what is done under it takes about a microsecond, or one more for every thousand clients that wait.
/// Where the queue is full, a client with less in it than another displaces the latest request of whoever has most.
/// </remarks>
public sealed class AdmissionControl
{
    // In rounds. Bounds what one image that took very long can hold against its client, and the search for who is next.
    private const int MaxDebt = 256;
    private const string Others = "\0others";
    private static readonly TimeSpan LeastRetry = TimeSpan.FromMilliseconds(20);

    private readonly object _lock = new();
    private readonly AdmissionOptions _options;
    private readonly TimeProvider _time;
    private readonly ServiceRate _rate = new();
    private readonly Dictionary<string, ClientLine> _lines = new(StringComparer.Ordinal);
    private readonly LinkedList<ClientLine> _round = [];
    private int _running;
    private int _images;
    private long _flops;
    private long _bytes;
    private bool _closed;

    /// <summary>Makes an empty queue.</summary>
    /// <param name="options">Its limits.</param>
    /// <param name="time">The clock of deadlines.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public AdmissionControl(AdmissionOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Slots, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxCount);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxBytes);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.MaxDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxClients, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Quantum, 1);
        _options = options;
        _time = time;
    }

    /// <summary>Images that wait.</summary>
    public int WaitingImages => Read(() => _images);

    /// <summary>FLOPs that those are expected to cost.</summary>
    public long WaitingFlops => Read(() => _flops);

    /// <summary>Bytes that their requests hold.</summary>
    public long WaitingBytes => Read(() => _bytes);

    /// <summary>Clients that have an image here, waiting or running; those that share a line count as one.</summary>
    public int Clients => Read(() => _lines.Count);

    /// <summary>Planned FLOPs a second that all slots together get done, as lately measured; 0 before anything ran.</summary>
    public double FlopsPerSecond => Read(() => Speed);

    /// <summary>How long everything that waits is expected to take; zero before anything ran.</summary>
    public TimeSpan ExpectedDelay => Read(() => Duration(_flops));

    private double Speed => _rate.FlopsPerSecond * _options.Slots;

    /// <summary>Lets a request in, or says why not. Never waits.</summary>
    /// <param name="ticket">Not used before.</param>
    /// <returns>Null where it was let in.</returns>
    public AdmissionRefusal? Enter(AdmissionTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(ticket);
        List<(AdmissionTicket Ticket, AdmissionRefusal Refusal)>? displaced = null;
        AdmissionRefusal? refusal;
        lock (_lock)
        {
            long flops = ticket.ImageFlops * ticket.Images;
            refusal = Judge(LineOf(ticket.Client), ticket.Images, flops, ticket.Bytes, ticket.Expires, ref displaced);
            if (refusal is null)
            {
                Add(ticket, flops);
            }
        }

        foreach ((AdmissionTicket other, AdmissionRefusal why) in displaced ?? [])
        {
            other.Displace(why);
        }

        return refusal;
    }

    /// <summary>Says whether not even the cheapest image of a client would be let in; a refusal here costs next to nothing.</summary>
    /// <param name="client">Whose.</param>
    /// <returns>Null where one might be.</returns>
    public AdmissionRefusal? Glance(string client)
    {
        lock (_lock)
        {
            ClientLine? line = LineOf(client);
            return FirstBreach(line, 1, 0, 0, long.MaxValue) is { } breach && InTheWay(breach, line, 1, 0) is null ? breach : null;
        }
    }

    /// <summary>Takes back what has not begun of a request, at once.</summary>
    /// <returns>How many of its images that were; they will never be handed out. 0 where all have been, or it is not here.</returns>
    public int Withdraw(AdmissionTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(ticket);
        lock (_lock)
        {
            return Remove(ticket);
        }
    }

    /// <summary>Waits for the next image and hands it out; what has expired meanwhile is told so and never handed out.</summary>
    /// <returns>Null once the queue is closed. Each turn that is taken has to be ended with <see cref="Complete"/>.</returns>
    public AdmissionTurn? Take()
    {
        while (true)
        {
            AdmissionTicket ticket;
            int expired;
            lock (_lock)
            {
                while (_round.Count == 0 && !_closed)
                {
                    Monitor.Wait(_lock);
                }

                if (_closed)
                {
                    return null;
                }

                ClientLine line = Next();
                ticket = line.Tickets.First!.Value;
                if (ticket.Expires > _time.GetTimestamp())
                {
                    return Hand(line, ticket);
                }

                expired = Remove(ticket);
            }

            ticket.Expire(expired);
        }
    }

    /// <summary>Ends a turn.</summary>
    /// <param name="turn">From <see cref="Take"/>.</param>
    /// <param name="planned">FLOPs that the image was planned to cost when it ran; 0 where it did not run, and then it teaches nothing.</param>
    /// <param name="busy">How long the turn took.</param>
    public void Complete(AdmissionTurn turn, long planned, TimeSpan busy)
    {
        lock (_lock)
        {
            ClientLine line = turn.Ticket.Line!;
            _running--;
            line.Running--;
            if (planned > 0)
            {
                _rate.Add(planned, busy);
                double spent = busy.TotalSeconds * _rate.FlopsPerSecond;
                line.Deficit = Bound(line.Deficit + turn.Ticket.ImageFlops - (long)Math.Min(spent, MaxDebt * (double)_options.Quantum));
            }

            Forget(line);
        }
    }

    /// <summary>Tells the queue what an image takes, before the first one comes.</summary>
    /// <param name="planned">FLOPs of an image.</param>
    /// <param name="busy">How long it took, above zero.</param>
    public void Learn(long planned, TimeSpan busy)
    {
        lock (_lock)
        {
            _rate.Add(planned, busy);
        }
    }

    /// <summary>Hands out nothing any more; those that wait in <see cref="Take"/> return.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            Monitor.PulseAll(_lock);
        }
    }

    private T Read<T>(Func<T> value)
    {
        lock (_lock)
        {
            return value();
        }
    }

    private AdmissionRefusal? Judge(ClientLine? line, int images, long flops, long bytes, long expires, ref List<(AdmissionTicket Ticket, AdmissionRefusal Refusal)>? displaced)
    {
        while (FirstBreach(line, images, flops, bytes, expires) is { } breach)
        {
            if (InTheWay(breach, line, images, bytes) is not { } latest)
            {
                return breach;
            }

            Remove(latest);
            (displaced ??= []).Add((latest, breach));
        }

        return null;
    }

    private AdmissionTicket? InTheWay(AdmissionRefusal breach, ClientLine? line, int images, long bytes) => breach.Reason switch
    {
        RefusalReason.Count => LatestOfLongest(line, one => one.Images, images),
        RefusalReason.Bytes => LatestOfLongest(line, one => one.Bytes, bytes),

        // Of a delay each client has its own: others only count as far as they take turns with it.
        _ => null,
    };

    private AdmissionRefusal? FirstBreach(ClientLine? line, int images, long flops, long bytes, long expires)
    {
        int idle = _options.Slots - _running;
        if (_images == 0 && idle > 0)
        {
            // Whatever the limits: nothing stands in its way, and where the rate was measured wrong this puts it right.
            return null;
        }

        TimeSpan delay = Duration(Ahead(line, flops));
        if (delay > _options.MaxDelay)
        {
            return Refuse(RefusalReason.Delay, 0, delay);
        }

        if (expires < long.MaxValue && delay + Duration(flops) > _time.GetElapsedTime(_time.GetTimestamp(), expires))
        {
            return Refuse(RefusalReason.Deadline, 0, delay);
        }

        if (_images + images - idle > _options.MaxCount)
        {
            return Refuse(RefusalReason.Count, _options.MaxCount, delay);
        }

        return _bytes + bytes > _options.MaxBytes ? Refuse(RefusalReason.Bytes, _options.MaxBytes, delay) : null;
    }

    // Until a client's work is done each other client gets as much done as that, or all that it has.
    private long Ahead(ClientLine? line, long flops)
    {
        long own = line?.Flops ?? 0;
        if (_lines.Count == 1 && line is not null)
        {
            return own;
        }

        long ahead = own;
        foreach (ClientLine other in _round)
        {
            ahead += other == line ? 0 : Math.Min(other.Flops, own + flops);
        }

        return ahead;
    }

    private TimeSpan Duration(long flops) => Speed > 0 ? TimeSpan.FromSeconds(flops / Speed) : TimeSpan.Zero;

    // The latest request of whoever has most, if that is more than the client would have; not one that has begun.
    private AdmissionTicket? LatestOfLongest(ClientLine? line, Func<ClientLine, long> size, long added)
    {
        ClientLine? longest = null;
        foreach (ClientLine other in _round)
        {
            if (other != line && other.Tickets.Last!.Value.Taken == 0 && (longest is null || size(other) > size(longest)))
            {
                longest = other;
            }
        }

        return longest is not null && size(longest) > (line is null ? 0 : size(line)) + added ? longest.Tickets.Last!.Value : null;
    }

    private static AdmissionRefusal Refuse(RefusalReason reason, long limit, TimeSpan delay)
    {
        TimeSpan retry = delay * (0.5 + Random.Shared.NextDouble());
        return new AdmissionRefusal(reason, limit, delay, retry > LeastRetry ? retry : LeastRetry);
    }

    private ClientLine? LineOf(string client) =>
        _lines.TryGetValue(client, out ClientLine? line) || (_lines.Count >= _options.MaxClients && _lines.TryGetValue(Others, out line)) ? line : null;

    private ClientLine OpenLine(string client)
    {
        if (LineOf(client) is { } line)
        {
            return line;
        }

        var opened = new ClientLine(_lines.Count < _options.MaxClients ? client : Others);
        _lines.Add(opened.Client, opened);
        return opened;
    }

    private void Add(AdmissionTicket ticket, long flops)
    {
        ClientLine line = OpenLine(ticket.Client);
        if (line.Tickets.Count == 0)
        {
            _round.AddLast(line);
        }

        ticket.Line = line;
        ticket.Place = line.Tickets.AddLast(ticket);
        Count(line, ticket.Images, flops, ticket.Bytes);
        if (ticket.Images == 1)
        {
            Monitor.Pulse(_lock);
        }
        else
        {
            Monitor.PulseAll(_lock);
        }
    }

    private void Count(ClientLine line, int images, long flops, long bytes)
    {
        _images += images;
        _flops += flops;
        _bytes += bytes;
        line.Images += images;
        line.Flops += flops;
        line.Bytes += bytes;
    }

    // The first line in the round that can pay for its next image; there is one, as every round gives each line more to spend.
    private ClientLine Next()
    {
        while (true)
        {
            ClientLine line = _round.First!.Value;
            if (!line.IsServed)
            {
                line.IsServed = true;
                line.Deficit = Bound(line.Deficit + _options.Quantum);
            }

            if (_round.Count == 1 || line.Deficit >= Math.Min(line.Tickets.First!.Value.ImageFlops, _options.Quantum))
            {
                return line;
            }

            _round.RemoveFirst();
            _round.AddLast(line);
            line.IsServed = false;
        }
    }

    private AdmissionTurn Hand(ClientLine line, AdmissionTicket ticket)
    {
        var turn = new AdmissionTurn(ticket, ticket.Taken++);
        _running++;
        line.Running++;
        line.Deficit = Bound(line.Deficit - ticket.ImageFlops);
        Count(line, -1, -ticket.ImageFlops, 0);
        if (ticket.Taken == ticket.Images)
        {
            Remove(ticket);
        }

        return turn;
    }

    private int Remove(AdmissionTicket ticket)
    {
        if (ticket.Place is not { } place)
        {
            return 0;
        }

        ClientLine line = ticket.Line!;
        int left = ticket.Waiting;
        line.Tickets.Remove(place);
        ticket.Place = null;
        Count(line, -left, -left * ticket.ImageFlops, -ticket.Bytes);
        if (line.Tickets.Count == 0)
        {
            _round.Remove(line);
            line.IsServed = false;
        }

        Forget(line);
        return left;
    }

    // What a client owes is forgotten with it: it has waited for all that it sent.
    private void Forget(ClientLine line)
    {
        if (line.Tickets.Count == 0 && line.Running == 0)
        {
            _lines.Remove(line.Client);
        }
    }

    private long Bound(long deficit) => Math.Clamp(deficit, -MaxDebt * _options.Quantum, _options.Quantum);
}
