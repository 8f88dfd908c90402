using System.Diagnostics;
using System.Globalization;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Server.Admission;
using LCNet.Server.Configuration;
using LCNet.Server.Shadows;

namespace LCNet.Server.Models;

/// <summary>
/// One version of one model, with the queue in front of it and the threads that run it. It is counted who uses it: the catalog that shows it, and each request from where
/// it has found its model to its end. It is freed after the last of them. Thread-safe.
/// </summary>
internal sealed class ServedModel : IDisposable
{
    private const int MostTrials = 20;
    private static readonly TimeSpan TrialTime = TimeSpan.FromMilliseconds(200);

    private readonly ModelWorker[] _workers;
    private readonly TaskCompletionSource _unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _uses = 1;

    /// <summary>Makes a model ready to take requests, and uses it once.</summary>
    /// <param name="engine">Runs it; owned once this has returned.</param>
    public ServedModel(InferenceEngine engine, ServerOptions options, TimeProvider time)
    {
        Engine = engine;
        Version = engine.Bundle.Manifest.Version.ToString(CultureInfo.InvariantCulture);
        Counters = new InferenceCounters(time);
        Health = new ModelHealth(options.MaxFailures);
        Queue = new AdmissionQueue(options.Admission(engine.Bundle.Flops.Dense), time);
        _workers = [.. Enumerable.Range(0, options.MaxUnderWay).Select(_ => new ModelWorker(engine, options.ImageLimits, Queue))];
        Learn(_workers[0]);
        Agreement = new LiveAgreement(engine.Efforts, engine.Bundle.Manifest.Calibration, options.MinAgreement, time);
        Shadows = options.ShadowRate > 0 ? new ShadowBuffers(engine) : null;
        Effort = new EffortPolicy(engine.Efforts, Queue, options.BrownoutRange(engine.Efforts), options.DefaultEffort, time);
        Effort.SetFloor(Agreement.Floor ?? 0);
        foreach (ModelWorker worker in _workers)
        {
            worker.Start();
        }
    }

    /// <summary>The engine that runs the model.</summary>
    public InferenceEngine Engine { get; }

    /// <summary>The model's name.</summary>
    public string ModelName => Engine.Bundle.Manifest.Model;

    /// <summary>The model's version, as callers write it.</summary>
    public string Version { get; }

    /// <summary>What runs its network, for example <c>simd</c>.</summary>
    public string Executor => Enum.GetName(Engine.Executor)!.ToLowerInvariant();

    /// <summary>Name and version, for people.</summary>
    public string Name => $"{ModelName} version {Version}";

    /// <summary>The network's input.</summary>
    public InputSpec Input => Engine.Bundle.Manifest.Input;

    /// <summary>Its class names, in the order of the logits.</summary>
    public IReadOnlyList<string> Labels => Engine.Bundle.Manifest.Labels;

    /// <summary>What it has done since it was loaded.</summary>
    public InferenceCounters Counters { get; }

    /// <summary>Whether its device works.</summary>
    public ModelHealth Health { get; }

    /// <summary>The queue in which the model's requests wait.</summary>
    public AdmissionQueue Queue { get; }

    /// <summary>The effort of requests that leave it to the server.</summary>
    public EffortPolicy Effort { get; }

    /// <summary>What its shadow runs have found.</summary>
    public LiveAgreement Agreement { get; }

    /// <summary>What its shadow runs take; null where there are none.</summary>
    public ShadowBuffers? Shadows { get; }

    /// <summary>Takes in what a shadow run found; the floor of effort follows.</summary>
    /// <param name="effort">That the image was answered at.</param>
    /// <param name="isCapped">Whether its FLOPs had a cap.</param>
    /// <returns>How the floor has changed; null where it has not. One caller at a time.</returns>
    public FloorChange? Note(ShadowOutcome outcome, double effort, bool isCapped)
    {
        FloorChange? change = Agreement.Add(outcome.Agrees, effort, isCapped);
        if (change is not null)
        {
            Effort.SetFloor(change.After);
        }

        return change;
    }

    /// <summary>Tries whether its device works, with an image of zeros, on the calling thread. What it throws is what an image's run would.</summary>
    public void Probe()
    {
        using EngineSession session = Engine.CreateSession();
        session.Run(new float[Input.Length], 1, Planner.NoCap, Engine.CreateResult(), CancellationToken.None);
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

    /// <summary>Ends a use of the model.</summary>
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
        Effort.Dispose();
        Queue.Close();
        Array.ForEach(_workers, worker => worker.Join());

        // What the libraries of a device that has failed do when they are told to free something is nobody's promise; they are left alone.
        if (!Health.HasFailed)
        {
            Array.ForEach(_workers, worker => worker.Dispose());
            Shadows?.Dispose();
            Engine.Dispose();
        }
    }

    // How fast this machine is, so that the first burst already meets a queue of the right length. The first run is slow: it compiles.
    private void Learn(ModelWorker worker)
    {
        long first = Stopwatch.GetTimestamp();
        for (int run = 0; run < 2 || (run < MostTrials && Stopwatch.GetElapsedTime(first) < TrialTime); run++)
        {
            long began = Stopwatch.GetTimestamp();
            worker.Session.Run(worker.Input, 1, Planner.NoCap, worker.Result, CancellationToken.None);
            if (run > 0)
            {
                Queue.Learn(worker.Result.ExecutedFlops, Stopwatch.GetElapsedTime(began));
            }
        }
    }
}
