using System.Globalization;
using System.Text.Json;
using Grpc.Core;
using LCNet.Server.Admission;
using LCNet.Server.Errors;
using LCNet.Server.Protocols.OpenInference;
using LCNet.V1;

namespace LCNet.Server.Telemetry;

/// <summary>Why an image runs through the whole network besides. The names are values of a metric's tag.</summary>
internal enum WholeRun
{
    /// <summary>Its caller asked for it.</summary>
    Verify,

    /// <summary>To know what skipping costs.</summary>
    Shadow,
}

/// <summary>What is measured of one model, all its versions together. Recording allocates nothing: tags are made once. Thread-safe.</summary>
internal sealed class ModelMetrics
{
    private readonly ServerInstruments _instruments;
    private readonly KeyValuePair<string, object?>[] _model;
    private readonly KeyValuePair<string, object?>[][] _modelAndStatus;
    private readonly KeyValuePair<string, object?>[][] _modelAndReason;
    private readonly KeyValuePair<string, object?>[][] _modelAndWhole;
    private BlockMetrics[] _blocks = [];
    private int _inFlight;

    /// <summary>Begins with every counter at 0.</summary>
    /// <param name="name">Value of the tag <c>model</c>.</param>
    /// <param name="statuses">Status codes to show from the start: an alert on a rate does not see a counter's first value.</param>
    public ModelMetrics(ServerInstruments instruments, string name, IEnumerable<StatusCode> statuses)
    {
        _instruments = instruments;
        var tag = new KeyValuePair<string, object?>("model", name);
        _model = [tag];
        _modelAndStatus = [.. Enumerable.Range(0, StatusNames.Count).Select(status =>
            new[] { tag, new KeyValuePair<string, object?>("status", StatusNames.Of((StatusCode)status)) })];
        _modelAndReason = [.. Enum.GetValues<RefusalReason>().Select(reason =>
            new[] { tag, new KeyValuePair<string, object?>("reason", JsonNamingPolicy.SnakeCaseLower.ConvertName(Enum.GetName(reason)!)) })];
        _modelAndWhole = [.. Enum.GetNames<WholeRun>().Select(reason => new[] { tag, new KeyValuePair<string, object?>("reason", reason.ToLowerInvariant()) })];
        Shadows = new ShadowMetrics(instruments, tag);
        foreach (StatusCode status in statuses)
        {
            instruments.Requests.Add(0, _modelAndStatus[(int)status]);
        }

        foreach (KeyValuePair<string, object?>[] reason in _modelAndReason)
        {
            instruments.Refusals.Add(0, reason);
        }
    }

    /// <summary>What is measured of shadow runs.</summary>
    public ShadowMetrics Shadows { get; }

    /// <summary>The tag <c>model</c>.</summary>
    public ReadOnlySpan<KeyValuePair<string, object?>> Tags => _model;

    /// <summary>Of each residual block, in the order of the network.</summary>
    public IReadOnlyList<BlockMetrics> Blocks => Volatile.Read(ref _blocks);

    /// <summary>Requests that have begun and not ended.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Shows what is counted for each image, at 0. Before a version takes requests; one caller at a time.</summary>
    public void Show(int blocks)
    {
        Volatile.Write(ref _blocks, [.. _blocks, .. Enumerable.Range(_blocks.Length, Math.Max(0, blocks - _blocks.Length)).Select(block => new BlockMetrics(_model[0], block))]);
        _instruments.Failures.Add(0, _model);
        _instruments.DenseFlops.Add(0, _model);
        _instruments.PlannedFlops.Add(0, _model);
        _instruments.ExecutedFlops.Add(0, _model);
        foreach (KeyValuePair<string, object?>[] reason in _modelAndWhole)
        {
            _instruments.WholeFlops.Add(0, reason);
        }

        Shadows.Show();
    }

    /// <summary>A request has begun.</summary>
    public void Begin() => Interlocked.Increment(ref _inFlight);

    /// <summary>A request that had begun has ended.</summary>
    /// <param name="status">What its caller was told.</param>
    public void End(StatusCode status, TimeSpan duration)
    {
        Interlocked.Decrement(ref _inFlight);
        KeyValuePair<string, object?>[] tags = _modelAndStatus[(int)status];
        _instruments.Requests.Add(1, tags);
        _instruments.RequestDuration.Record(duration.TotalSeconds, tags);
    }

    /// <summary>A request was not let in.</summary>
    public void Refuse(RefusalReason reason) => _instruments.Refusals.Add(1, _modelAndReason[(int)reason]);

    /// <summary>An image's run failed.</summary>
    public void Fail() => _instruments.Failures.Add(1, _model);

    /// <summary>An image ran through the whole network, beside its answer.</summary>
    public void RunWhole(WholeRun reason, long executedFlops) => _instruments.WholeFlops.Add(executedFlops, _modelAndWhole[(int)reason]);

    /// <summary>An image file was read.</summary>
    public void Decode(TimeSpan duration) => _instruments.DecodeDuration.Record(duration.TotalSeconds, _model);

    /// <summary>An image is answered.</summary>
    public void Answer(Compute compute)
    {
        RecordTimes(compute.QueueUs, compute.ExecuteUs, compute.BatchSize);
        RecordFlops(compute.DenseFlops, compute.PlannedFlops, compute.ExecutedFlops);
        for (int block = 0; block < compute.Blocks.Count; block++)
        {
            Blocks[block].Add(compute.Blocks[block].ChannelsRetained);
        }
    }

    /// <summary>The images of a batch are answered.</summary>
    public void Answer(InferRows rows)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            RecordTimes(rows.QueueUs[row], rows.ExecuteUs[row], rows.BatchSize[row]);
            RecordFlops(rows.DenseFlops, rows.PlannedFlops[row], rows.ExecutedFlops[row]);
            ReadOnlySpan<long> channels = rows.ChannelsOf(row);
            for (int block = 0; block < channels.Length; block++)
            {
                Blocks[block].Add(channels[block]);
            }
        }
    }

    private void RecordTimes(long queueUs, long executeUs, int batchSize)
    {
        _instruments.QueueDuration.Record(queueUs / 1e6, _model);
        _instruments.ExecuteDuration.Record(executeUs / 1e6, _model);
        _instruments.BatchSize.Record(batchSize, _model);
    }

    private void RecordFlops(long denseFlops, long plannedFlops, long executedFlops)
    {
        _instruments.DenseFlops.Add(denseFlops, _model);
        _instruments.PlannedFlops.Add(plannedFlops, _model);
        _instruments.ExecutedFlops.Add(executedFlops, _model);
        _instruments.PlannedShare.Record((double)plannedFlops / denseFlops, _model);
    }
}

/// <summary>
/// What is counted of one residual block. An image adds to every block of its network, so these counters are plain numbers that are read when
/// somebody asks, not instruments that look up their tags each time. Thread-safe.
/// </summary>
internal sealed class BlockMetrics(KeyValuePair<string, object?> model, int block)
{
    private readonly KeyValuePair<string, object?>[] _tags = [model, new("block", block.ToString(CultureInfo.InvariantCulture))];
    private long _executions;
    private long _skips;
    private long _channels;

    /// <summary>The tags <c>model</c> and <c>block</c>.</summary>
    public ReadOnlySpan<KeyValuePair<string, object?>> Tags => _tags;

    /// <summary>Number of images that ran the block.</summary>
    public long Executions => Volatile.Read(ref _executions);

    /// <summary>Number of images that skipped the block.</summary>
    public long Skips => Volatile.Read(ref _skips);

    /// <summary>Channels that the block ran with, added up over images.</summary>
    public long Channels => Volatile.Read(ref _channels);

    /// <summary>Adds what one image made of the block.</summary>
    /// <param name="channels">That it ran with; 0 where it was skipped.</param>
    public void Add(long channels)
    {
        Interlocked.Increment(ref (channels > 0 ? ref _executions : ref _skips));
        Interlocked.Add(ref _channels, channels);
    }
}
