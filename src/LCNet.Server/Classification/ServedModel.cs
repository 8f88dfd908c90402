using System.Diagnostics;
using System.Globalization;
using LCNet.Bundles;
using LCNet.Runtime;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>One version of one model, with the queue in front of it and the threads that run it. Thread-safe.</summary>
internal sealed class ServedModel : IDisposable
{
    private const int MostTrials = 20;
    private static readonly TimeSpan TrialTime = TimeSpan.FromMilliseconds(200);

    private readonly ImageThreads _threads;
    private readonly BrownoutController? _brownout;
    private readonly double _defaultEffort;

    /// <summary>Begins to serve a model.</summary>
    /// <param name="engine">Runs it; not owned.</param>
    /// <param name="options">How much may wait and run.</param>
    /// <param name="time">The clock.</param>
    public ServedModel(InferenceEngine engine, ServerOptions options, TimeProvider time)
    {
        Engine = engine;
        Description = Describe(engine.Bundle);
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

        ClassifyBuffers[] buffers = [.. Enumerable.Range(0, options.MaxUnderWay).Select(_ => new ClassifyBuffers(engine))];
        Learn(buffers[0]);
        _threads = new ImageThreads(Queue, buffers);
    }

    /// <summary>Runs it.</summary>
    public InferenceEngine Engine { get; }

    /// <summary>What it takes.</summary>
    public InputSpec Input => Engine.Bundle.Manifest.Input;

    /// <summary>Its class names, in the order of the logits.</summary>
    public IReadOnlyList<string> Labels => Engine.Bundle.Manifest.Labels;

    /// <summary>What callers are told of it. Shared between replies, so never changed.</summary>
    public Model Description { get; }

    /// <summary>Where its requests wait.</summary>
    public AdmissionControl Queue { get; }

    /// <summary>The effort in force for requests that state neither an effort nor a cap.</summary>
    public double Effort => _brownout?.Observe(Queue.ExpectedDelay) ?? _defaultEffort;

    /// <summary>What an image is expected to cost if it ran now, in FLOPs.</summary>
    public long PlannedFlops(Dial dial) => Math.Min(dial.Cap, (long)Engine.Efforts.FlopsFor(dial.IsFree ? Effort : dial.Effort));

    /// <summary>The dial of an image whose turn has come: one that the caller left free is set to the effort in force.</summary>
    public Dial Turn(Dial dial) => dial.IsFree ? new Dial(Effort, dial.Cap) : dial;

    /// <summary>Ends the threads. Call it once nothing waits.</summary>
    public void Dispose() => _threads.Dispose();

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

    private static Model Describe(Bundle bundle)
    {
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
                }),
            },
            Data = manifest.Provenance.Data,
        };
    }
}
