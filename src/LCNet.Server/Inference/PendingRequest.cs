using System.Diagnostics;
using LCNet.Runtime.Engine;
using LCNet.Server.Admission;
using LCNet.Server.Errors;
using LCNet.Server.Models;
using LCNet.Server.Security;
using LCNet.Server.Security.Keys;

namespace LCNet.Server.Inference;

/// <summary>
/// A request on its way through a model: it waits in the model's queue, workers run its images, and it ends once each of them has been run or will never be. Where one fails, those that have not begun are taken back.
/// Used once. Thread-safe.
/// </summary>
internal sealed class PendingRequest : AdmissionTicket
{
    private readonly InferencePipeline _pipeline;
    private readonly InferenceRequest _request;
    private readonly Action<int, ImageOutcome> _read;
    private readonly KeyUse? _use;
    private readonly CancellationToken _cancellation;
    private readonly ImageTrace[]? _traces;
    private readonly long _entered = Stopwatch.GetTimestamp();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;
    private int _left;

    /// <summary>Makes a request that has not entered the queue.</summary>
    /// <param name="read">Takes from each outcome what the reply needs.</param>
    /// <param name="use">Of the caller's key; null where there is none.</param>
    public PendingRequest(
        InferencePipeline pipeline, InferenceRequest request, Action<int, ImageOutcome> read, KeyUse? use, CancellationToken cancellation)
        : base(request.Caller.Client, request.Images.Count, request.PlannedFlops, request.Images.Sum(input => (long)input.Bytes), request.Caller.Expires, request.Budget.IsDefault && !request.Verifies)
    {
        (_pipeline, _request, _read, _use, _cancellation) = (pipeline, request, read, use, cancellation);
        _left = Images;
        if (ImageActivities.Source.HasListeners())
        {
            _traces = [.. Enumerable.Range(0, Images).Select(image => ImageTrace.Begin(request.IsBatch ? image : null))];
        }
    }

    private AdmissionQueue Queue => _request.Model.Queue;

    /// <summary>Enters the queue, and ends as the images do.</summary>
    /// <exception cref="ServerError">As for <see cref="InferencePipeline"/>; also where it was displaced by another client's request before anything ran.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before all of it had begun.</exception>
    public async Task RunAsync()
    {
        if (Queue.Enter(this) is { } refusal)
        {
            Fail(ServerError.Refused(refusal), Images);
        }

        await using (_cancellation.UnsafeRegister(static pending => ((PendingRequest)pending!).GiveUp(), this).ConfigureAwait(false))
        {
            await _ended.Task.ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override long Run(int image, ModelWorker worker)
    {
        TimeSpan waited = Stopwatch.GetElapsedTime(_entered);
        ImageTrace? trace = _traces?[image];
        trace?.EndQueue();
        try
        {
            long expected = _pipeline.RunImage(_request, image, worker, _use, _cancellation);
            _read(image, new ImageOutcome(worker.Result, _request.Verifies ? worker.Whole : null, waited));
            _pipeline.Sample(_request, worker);
            return expected;
        }
        catch (Exception exception)
        {
            Fail(exception, Queue.Withdraw(this));
            return 0;
        }
        finally
        {
            trace?.End();
        }
    }

    /// <inheritdoc/>
    public override void EndTurn() => End(1);

    /// <inheritdoc/>
    public override void Displace(AdmissionRefusal refusal) => Fail(ServerError.Refused(refusal), Images);

    /// <inheritdoc/>
    public override void Expire(int images) => Fail(ServerError.Expired(), images);

    private void GiveUp()
    {
        if (Queue.Withdraw(this) is > 0 and int images)
        {
            Fail(new OperationCanceledException(_cancellation), images);
        }
    }

    // The first failure is the request's.
    private void Fail(Exception exception, int images)
    {
        Interlocked.CompareExchange(ref _failure, exception, null);
        End(images);
    }

    private void End(int images)
    {
        if (images == 0 || Interlocked.Add(ref _left, -images) > 0)
        {
            return;
        }

        foreach (ImageTrace trace in _traces ?? [])
        {
            trace.Dispose();
        }

        if (_failure is { } failure)
        {
            _ended.SetException(failure);
        }
        else
        {
            _ended.SetResult();
        }
    }
}
