namespace LCNet.Server.Admission;

/// <summary>
/// What waits for a model, bounded by the time that it is expected to take, by number and by bytes. Clients take turns by what their images
/// cost (deficit round robin), so one that floods the queue waits for itself and the others hardly notice. Thread-safe.
/// </summary>
/// <remarks>
/// One lock around short, plain arithmetic: what is done under it takes about a microsecond, or one more for every thousand clients that wait.
/// Where the queue is full, a client with less in it than another displaces the latest request of whoever has most.
/// </remarks>
internal sealed class AdmissionQueue
{
    private static readonly TimeSpan LeastRetry = TimeSpan.FromMilliseconds(20);

    private readonly object _lock = new();
    private readonly AdmissionOptions _options;
    private readonly TimeProvider _time;
    private readonly ServiceRate _rate = new();
    private readonly DeficitRoundRobin _round;
    private int _running;
    private long _elasticFlops = long.MaxValue;
    private bool _closed;

    /// <summary>Makes an empty queue.</summary>
    /// <param name="time">The clock of deadlines.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public AdmissionQueue(AdmissionOptions options, TimeProvider time)
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
        _round = new DeficitRoundRobin(options.MaxClients, options.Quantum);
    }

    /// <summary>Number of images that wait.</summary>
    public int WaitingImages => Load.Waiting;

    /// <summary>How busy the slots are.</summary>
    public QueueLoad Load => Read(() => new QueueLoad(_round.Images, _running, _options.Slots));

    /// <summary>FLOPs that those were expected to cost when they came.</summary>
    public long WaitingFlops => Read(() => _round.Flops);

    /// <summary>Bytes that their requests hold.</summary>
    public long WaitingBytes => Read(() => _round.Bytes);

    /// <summary>Clients that have an image here, waiting or running; those that share a line count as one.</summary>
    public int Clients => Read(() => _round.Clients);

    /// <summary>Planned FLOPs a second that all slots together get done, as lately measured; 0 before anything ran.</summary>
    public double FlopsPerSecond => Read(() => Speed);

    /// <summary>
    /// What an image of an elastic request would cost now, in FLOPs; above what it was expected to cost when it came, it is that. Begins there. Nobody is refused
    /// because of what waits at a cost that it will not have any more.
    /// </summary>
    public long ElasticFlops
    {
        get => Volatile.Read(ref _elasticFlops);
        set => Volatile.Write(ref _elasticFlops, value);
    }

    /// <summary>How long everything that waits would take at the cost that was expected when it came; zero before anything ran.</summary>
    public TimeSpan ExpectedDelay => Read(() => Duration(_round.Flops));

    private double Speed => _rate.FlopsPerSecond * _options.Slots;

    /// <summary>Lets a request in, or says why not. Never waits.</summary>
    /// <param name="ticket">Not used before.</param>
    /// <returns>Null where it was let in.</returns>
    public AdmissionRefusal? Enter(AdmissionTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(ticket);
        AdmissionRefusal? refusal;
        AdmissionRefusal? breach;
        List<AdmissionTicket>? displaced;
        lock (_lock)
        {
            refusal = Judge(_round.QueueOf(ticket.Client), ticket.Images, ticket.Images * ticket.ImageFlops, ticket.Bytes, ticket.Expires, out breach, out displaced);
            if (refusal is null)
            {
                displaced?.ForEach(other => _round.Remove(other));
                _round.Add(ticket);

                // As many threads as there are images: the others would wake up for nothing.
                for (int i = 0; i < Math.Min(ticket.Images, _options.Slots); i++)
                {
                    Monitor.Pulse(_lock);
                }
            }
        }

        displaced?.ForEach(other => other.Displace(Refuse(breach!.Reason, breach.Limit, breach.Delay)));
        return refusal;
    }

    /// <summary>Says whether not even the cheapest image of a client would be let in; a refusal here costs next to nothing.</summary>
    /// <returns>Null where one might be.</returns>
    public AdmissionRefusal? CheckAny(string client)
    {
        lock (_lock)
        {
            return Judge(_round.QueueOf(client), 1, 0, 0, long.MaxValue, out _, out _);
        }
    }

    /// <summary>Takes back what has not begun of a request, at once.</summary>
    /// <returns>How many of its images that were; they will never be handed out. 0 where all have been, or it is not here.</returns>
    public int Withdraw(AdmissionTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(ticket);
        lock (_lock)
        {
            return _round.Remove(ticket);
        }
    }

    /// <summary>Waits for the next image and hands it out; what has expired meanwhile is told so and never handed out.</summary>
    /// <returns>Null once the queue is closed. Each turn that is taken has to be ended with <see cref="Complete"/>.</returns>
    public AdmissionTurn? Take()
    {
        while (true)
        {
            AdmissionTicket? ticket;
            int expired;
            lock (_lock)
            {
                while ((ticket = _round.Next()) is null && !_closed)
                {
                    Monitor.Wait(_lock);
                }

                if (_closed || ticket is null)
                {
                    return null;
                }

                if (ticket.Expires > _time.GetTimestamp())
                {
                    _running++;
                    return _round.Begin(ticket);
                }

                expired = _round.Remove(ticket);
            }

            ticket.Expire(expired);
        }
    }

    /// <summary>Ends a turn.</summary>
    /// <param name="turn">From <see cref="Take"/>.</param>
    /// <param name="planned">FLOPs that the image was planned to cost when it ran; 0 where it did not run, and then it teaches nothing.</param>
    public void Complete(AdmissionTurn turn, long planned, TimeSpan busy)
    {
        lock (_lock)
        {
            _running--;
            double? spent = null;
            if (planned > 0)
            {
                _rate.Add(planned, busy);
                spent = busy.TotalSeconds * _rate.FlopsPerSecond;
            }

            _round.End(turn.Ticket, spent);
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

    // Decides and changes nothing: either everybody stays, or the request comes in and those that are displaced go.
    private AdmissionRefusal? Judge(
        ClientQueue? line, int images, long flops, long bytes, long expires, out AdmissionRefusal? breach, out List<AdmissionTicket>? displaced)
    {
        breach = null;
        displaced = null;
        int idle = _options.Slots - _running;
        if (_round.Images == 0 && idle > 0)
        {
            // Whatever the limits: nothing stands in its way, and where the rate was measured wrong this puts it right.
            return null;
        }

        // Of a delay each client has its own: others only count as far as they take turns with it, so nobody is displaced for it.
        TimeSpan delay = Duration(_round.Ahead(line, flops, ElasticFlops));
        if (delay > _options.MaxDelay)
        {
            return Refuse(RefusalReason.Delay, 0, delay);
        }

        if (expires < long.MaxValue && delay + Duration(flops) > _time.GetElapsedTime(_time.GetTimestamp(), expires))
        {
            return Refuse(RefusalReason.Deadline, 0, delay);
        }

        int excessImages = _round.Images + images - idle - _options.MaxCount;
        long excessBytes = _round.Bytes + bytes - _options.MaxBytes;
        if (excessImages <= 0 && excessBytes <= 0)
        {
            return null;
        }

        breach = excessImages > 0 ? Refuse(RefusalReason.Count, _options.MaxCount, delay) : Refuse(RefusalReason.Bytes, _options.MaxBytes, delay);
        displaced = _round.MakeRoom(line, images, bytes, excessImages, excessBytes);
        return displaced is null ? breach : null;
    }

    private TimeSpan Duration(long flops) => Speed > 0 ? TimeSpan.FromSeconds(flops / Speed) : TimeSpan.Zero;

    private static AdmissionRefusal Refuse(RefusalReason reason, long limit, TimeSpan delay)
    {
        TimeSpan retry = delay * (0.5 + Random.Shared.NextDouble());
        return new AdmissionRefusal(reason, limit, delay, retry > LeastRetry ? retry : LeastRetry);
    }
}

/// <summary>How busy a queue's slots are.</summary>
/// <param name="Waiting">Images that wait.</param>
/// <param name="Running">Images that have a slot.</param>
/// <param name="Slots">All there are.</param>
internal readonly record struct QueueLoad(int Waiting, int Running, int Slots)
{
    /// <summary>Whether images wait for a slot; with idle ones left they wait for a thread to wake up.</summary>
    public bool HasBacklog => Waiting > Slots - Running;
}

/// <summary>How much planned work one slot gets done a second, from what the latest images took. Not thread-safe.</summary>
/// <remarks>
/// Everything that an image takes while it has a slot counts, decoding included, so the rate is lower than the device's; and as the cost is the planned one, images
/// that are made to run more than their effort's mean lower it, and with it what is let in.
/// </remarks>
internal sealed class ServiceRate
{
    // About the latest fifty images: long enough to even out their differences, short enough to follow a change within a tenth of a second or so.
    private const double Kept = 0.98;
    private double _flops;
    private double _seconds;

    /// <summary>FLOPs a second of one slot; 0 while nothing is known.</summary>
    public double FlopsPerSecond => _seconds > 0 ? _flops / _seconds : 0;

    /// <summary>Takes in an image.</summary>
    public void Add(long flops, TimeSpan busy)
    {
        _flops = (Kept * _flops) + flops;
        _seconds = (Kept * _seconds) + busy.TotalSeconds;
    }
}
