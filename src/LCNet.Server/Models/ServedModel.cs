using System.Diagnostics;
using System.Globalization;
using LCNet.Bundles;
using LCNet.Runtime;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>
/// One version of one model, with the queue in front of it and the threads that run it. It is counted who uses it: the catalog that shows it, and each request from where
/// it has found its model to its end. It is freed after the last of them. Thread-safe.
/// </summary>
internal sealed class ServedModel : IDisposable
{
    private const int MostTrials = 20;
    private static readonly TimeSpan TrialTime = TimeSpan.FromMilliseconds(200);

    private readonly ImageThreads _threads;
    private readonly BrownoutController? _brownout;
    private readonly ITimer? _brownoutSteps;
    private readonly double _defaultEffort;
    private readonly TaskCompletionSource _unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _uses = 1;

    /// <summary>Makes a model ready to take requests, and uses it once.</summary>
    /// <param name="engine">Runs it; owned once this has returned.</param>
    /// <param name="options">How much may wait and run.</param>
    /// <param name="time">The clock.</param>
    public ServedModel(InferenceEngine engine, ServerOptions options, TimeProvider time)
    {
        Engine = engine;
        Health = new ModelHealth(options.MaxFailures);
        Description = Describe(engine);
        _defaultEffort = options.DefaultEffort;
        Queue = new AdmissionControl(
            new AdmissionOptions
            {
                Slots = options.MaxUnderWay,
                MaxCount = options.MaxQueue,
                MaxBytes = options.MaxQueueBytes,
                MaxDelay = options.QueueObjective,
                Quantum = engine.Bundle.Flops.Dense,
            },
            time);
        if (options.Brownout)
        {
            _brownout = new BrownoutController(
                engine.Efforts,
                new BrownoutOptions
                {
                    Effort = options.DefaultEffort,
                    LeastEffort = Math.Min(options.DefaultEffort, options.BrownoutEffort ?? engine.Efforts.LeastEffort),
                    Objective = options.QueueObjective,
                },
                time);
        }

        ClassifyBuffers[] buffers = [.. Enumerable.Range(0, options.MaxUnderWay).Select(_ => new ClassifyBuffers(engine, options.ImageLimits))];
        Learn(buffers[0]);
        _threads = new ImageThreads(Queue, buffers);
        if (_brownout is { } brownout)
        {
            TimeSpan period = BrownoutPeriod(options.QueueObjective);
            _brownoutSteps = time.CreateTimer(_ => StepBrownout(brownout), null, period, period);
        }
    }

    /// <summary>Runs it.</summary>
    public InferenceEngine Engine { get; }

    /// <summary>Name and version, for people.</summary>
    public string Name => $"{Description.Name} version {Description.Version}";

    /// <summary>What it takes.</summary>
    public InputSpec Input => Engine.Bundle.Manifest.Input;

    /// <summary>Its class names, in the order of the logits.</summary>
    public IReadOnlyList<string> Labels => Engine.Bundle.Manifest.Labels;

    /// <summary>What callers are told of it. Shared between replies, so never changed.</summary>
    public Model Description { get; }

    /// <summary>Whether its device works.</summary>
    public ModelHealth Health { get; }

    /// <summary>Where its requests wait.</summary>
    public AdmissionControl Queue { get; }

    /// <summary>The effort in force for requests that state neither an effort nor a cap. To read it changes nothing: a timer alone steps the controller.</summary>
    public double Effort => _brownout?.Effort ?? _defaultEffort;

    /// <summary>What an image is expected to cost if it ran now, in FLOPs.</summary>
    public long PlannedFlops(Dial dial) => Math.Min(dial.Cap, (long)Engine.Efforts.FlopsFor(dial.IsFree ? Effort : dial.Effort));

    /// <summary>The dial of an image whose turn has come: one that the caller left free is set to the effort in force.</summary>
    public Dial Turn(Dial dial) => dial.IsFree ? new Dial(Effort, dial.Cap) : dial;

    /// <summary>Tries whether its device works, with an image of zeros, on the calling thread. What it throws is what an image's run would.</summary>
    public void Probe()
    {
        Engine.RunAsync(new float[Input.Length], 1, Planner.NoCap, Engine.CreateResult(), CancellationToken.None).AsTask().GetAwaiter().GetResult();
        Health.Succeed();
    }

    /// <summary>Uses it, unless it is being freed.</summary>
    /// <returns>Whether it is used now; then <see cref="EndUse"/> has to follow.</returns>
    public bool TryUse()
    {
        int uses = Volatile.Read(ref _uses);
        while (uses > 0)
        {
            int seen = Interlocked.CompareExchange(ref _uses, uses + 1, uses);
            if (seen == uses)
            {
                return true;
            }

            uses = seen;
        }

        return false;
    }

    /// <summary>A use has ended.</summary>
    public void EndUse()
    {
        if (Interlocked.Decrement(ref _uses) == 0)
        {
            _unused.SetResult();
        }
    }

    /// <summary>Frees it once the requests that use it have ended; no other begins. Call it once, after no catalog shows it any more.</summary>
    public async Task RetireAsync()
    {
        EndUse();
        await _unused.Task.ConfigureAwait(false);
        Dispose();
    }

    /// <summary>Frees it. Call it once nothing waits.</summary>
    public void Dispose()
    {
        _brownoutSteps?.Dispose();
        _threads.Dispose();

        // What the libraries of a device that has failed do when they are told to free something is nobody's promise; they are left alone.
        if (!Health.HasFailed)
        {
            Engine.Dispose();
        }
    }

    // Often enough that an objective's worth of waiting is met in many small steps, and no more than a thousand times a second.
    private static TimeSpan BrownoutPeriod(TimeSpan objective) => TimeSpan.FromMilliseconds(Math.Clamp(objective.TotalMilliseconds / 50, 1, 100));

    private void StepBrownout(BrownoutController brownout) => Queue.ElasticFlops = (long)Engine.Efforts.FlopsFor(brownout.Observe(Queue.ExpectedDelay));

    // How fast this machine is, so that the first burst already meets a queue of the right length. The first run is slow: it compiles.
    private void Learn(ClassifyBuffers buffers)
    {
        long first = Stopwatch.GetTimestamp();
        for (int run = 0; run < 2 || (run < MostTrials && Stopwatch.GetElapsedTime(first) < TrialTime); run++)
        {
            long began = Stopwatch.GetTimestamp();
            Engine.RunAsync(buffers.Input, 1, Planner.NoCap, buffers.Result, CancellationToken.None).AsTask().GetAwaiter().GetResult();
            if (run > 0)
            {
                Queue.Learn(buffers.Result.ExecutedFlops, Stopwatch.GetElapsedTime(began));
            }
        }
    }

    private static Model Describe(InferenceEngine engine)
    {
        Bundle bundle = engine.Bundle;
        BundleManifest manifest = bundle.Manifest;
        return new Model
        {
            Name = manifest.Model,
            Version = manifest.Version.ToString(CultureInfo.InvariantCulture),
            Labels = { manifest.Labels },
            InputWidth = manifest.Input.Width,
            InputHeight = manifest.Input.Height,
            DenseFlops = bundle.Flops.Dense,
            MinimumFlops = bundle.Flops.Minimum,
            BlockChannels = { manifest.Blocks.Select(block => block.Channels) },
            Efforts =
            {
                manifest.Calibration.Select(point => new EffortPoint
                {
                    Effort = point.Effort,
                    MeanFlops = point.MeanFlops,
                    P95Flops = point.P95Flops,
                    Top1 = point.Top1,
                    Top1StandardError = point.Top1StandardError,
                    Milliseconds = point.Milliseconds ?? 0,
                }),
            },
            Data = manifest.Provenance.Data,
            Device = engine.Device,
            Executor = Enum.GetName(engine.Executor)!.ToLowerInvariant(),
            ExecutorFallback = engine.Fallback ?? string.Empty,
            TimedOn = manifest.TimedOn ?? string.Empty,
        };
    }
}
