using System.Collections.Concurrent;
using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Server.Admission;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Shadows;

/// <summary>
/// Runs a sample of the images that were answered once more with every gate open, one at a time, on a thread of its own, and compares. It uses what capacity nobody else does: it runs while fewer than half of the workers are busy, for requests are read and replies written on
/// the same cores, looks again before each segment, and drops what it has as soon as an image finds no worker that is idle. Thread-safe.
/// </summary>
internal sealed class ShadowRunner(ServerOptions options, ModelRegistry registry, ServerMetrics metrics, TimeProvider time, ILogger<ShadowRunner> logger) : IHostedService, IDisposable
{
    // After so long a reply has been written, however many threads that took.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(20);

    // An image that found no idle moment until then is dropped.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly BlockingCollection<ShadowImage> _queue = [];
    private readonly CancellationTokenSource _stop = new();
    private Thread? _thread;
    private int _disposed;

    /// <summary>Keeps an image that a worker has just answered, if it is one of the sample, for its shadow run. On the worker's thread, before it runs another image.</summary>
    /// <param name="request">The image's, whose model is in use.</param>
    public void Sample(InferenceRequest request, ModelWorker worker)
    {
        ServedModel model = request.Model;
        if (model.Shadows is not { } buffers || _stop.IsCancellationRequested || Random.Shared.NextDouble() >= options.ShadowRate)
        {
            return;
        }

        if (model.Queue.Load.HasBacklog || !model.TryUse())
        {
            metrics.Of(model).Shadows.Drop(ShadowDrop.Busy);
            return;
        }

        if (buffers.TryTake() is not { } image)
        {
            metrics.Of(model).Shadows.Drop(ShadowDrop.Full);
            model.EndUse();
            return;
        }

        image.Take(model, worker, request.Budget.MaxFlops != Planner.NoCap, time.GetTimestamp());
        _queue.Add(image, CancellationToken.None);
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.ShadowRate > 0)
        {
            _thread = new Thread(Work) { IsBackground = true, Name = "lcnet-shadow" };
            _thread.Start();
        }

        return Task.CompletedTask;
    }

    /// <summary>Stops once the segment that runs has ended.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        Stop();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Once for each of the two services that this is, and a host may be disposed of without being stopped.
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Stop();
            _stop.Dispose();
            _queue.Dispose();
        }
    }

    private void Stop()
    {
        _stop.Cancel();
        _thread?.Join();
        while (_queue.TryTake(out ShadowImage? image))
        {
            End(image);
        }
    }

    private static void End(ShadowImage image)
    {
        ServedModel model = image.Model;
        model.Shadows!.Return(image);
        model.EndUse();
    }

    private void Work()
    {
        try
        {
            foreach (ShadowImage image in _queue.GetConsumingEnumerable(_stop.Token))
            {
                try
                {
                    Run(image);
                }
                finally
                {
                    End(image);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private void Run(ShadowImage image)
    {
        ServedModel model = image.Model;
        ShadowMetrics measured = metrics.Of(model).Shadows;
        InferenceResult whole = model.Shadows!.Whole;
        Settle(image);
        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Shadow, ActivityKind.Internal, image.Trace);
        try
        {
            if (!model.Shadows.Session.RunOpen(image.Input, whole, () => IsWanted(image), _stop.Token))
            {
                measured.Drop(ShadowDrop.Busy);
                return;
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            measured.Drop(ShadowDrop.Failed);
            Log.ShadowFailed(logger, model.Name, exception);
            return;
        }

        var outcome = ShadowOutcome.Of(whole.Logits, image.Logits);
        if (!double.IsFinite(outcome.Divergence))
        {
            // Values so large that the whole network overflows, though what was kept of it did not.
            measured.Drop(ShadowDrop.Failed);
            return;
        }

        activity?.SetTag("lcnet.model", model.ModelName).SetTag("lcnet.effort", image.Effort).SetTag("lcnet.shadow.agrees", outcome.Agrees).SetTag(ImageActivities.Flops, whole.ExecutedFlops);
        measured.Add(image.IsCapped ? null : image.Effort, outcome);
        metrics.Of(model).RunWhole(WholeRun.Shadow, whole.ExecutedFlops);
        if (model.Note(outcome, image.Effort, image.IsCapped) is { } change)
        {
            Log.EffortFloorChanged(logger, model.Name, change.Before, change.After, options.MinAgreement!.Value, change.Ratio, change.DisagreementBound, change.Remark);
        }
    }

    private void Settle(ShadowImage image)
    {
        TimeSpan left = Settling - time.GetElapsedTime(image.Answered);
        if (left > TimeSpan.Zero)
        {
            _stop.Token.WaitHandle.WaitOne(left);
        }
    }

    // Whoever told this thread that there is room would have to do so on every image's way; a look every few milliseconds, and only while an image is here, costs less.
    private bool IsWanted(ShadowImage image)
    {
        while (!_stop.IsCancellationRequested && !image.Model.Health.HasFailed && time.GetElapsedTime(image.Answered) < Patience)
        {
            (bool hasBacklog, bool isIdle) = Look();
            if (hasBacklog || isIdle)
            {
                return !hasBacklog;
            }

            Thread.Sleep(Pause);
        }

        return false;
    }

    // All models share the machine: it has room where fewer images are under way than half of what one of them alone may have.
    private (bool HasBacklog, bool IsIdle) Look()
    {
        (bool hasBacklog, int underWay, int slots) = (false, 0, 0);
        foreach (ServedModel model in registry.Shown?.All ?? [])
        {
            QueueLoad load = model.Queue.Load;
            hasBacklog |= load.HasBacklog;
            underWay += load.Running + load.Waiting;
            slots = Math.Max(slots, load.Slots);
        }

        return (hasBacklog, 2 * underWay < slots);
    }
}

/// <summary>Why an image of the sample was not compared. The names are values of a metric's tag.</summary>
internal enum ShadowDrop
{
    /// <summary>The machine had better to do.</summary>
    Busy,

    /// <summary>As many wait as may.</summary>
    Full,

    /// <summary>The run failed, or the whole network overflows on it.</summary>
    Failed,
}
