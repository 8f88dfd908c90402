using System.Diagnostics;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>
/// The images of one request on their way through a model. Its task ends once each of them has been run or will never be; where one fails,
/// those that have not begun are taken back. Thread-safe.
/// </summary>
internal sealed class ImageTicket : AdmissionTicket
{
    private readonly ImageJob _job;
    private readonly ImageStep _run;
    private readonly CancellationToken _cancellation;
    private readonly ImageTrace[]? _traces;
    private readonly long _entered = Stopwatch.GetTimestamp();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;
    private int _left;

    /// <summary>Makes a ticket.</summary>
    /// <param name="job">The images.</param>
    /// <param name="run">Runs one of them on the calling thread.</param>
    /// <param name="cancellation">The call's.</param>
    public ImageTicket(ImageJob job, ImageStep run, CancellationToken cancellation)
        : base(job.Caller.Client, job.Inputs.Count, job.Model.PlannedFlops(job.Dial), job.Inputs.Sum(input => (long)input.Bytes), job.Caller.Expires, job.Dial.IsFree)
    {
        _job = job;
        _run = run;
        _cancellation = cancellation;
        _left = Images;
        if (ImageActivities.Source.HasListeners())
        {
            _traces = [.. Enumerable.Range(0, Images).Select(image => ImageTrace.Begin(job.IsBatch ? image : null))];
        }
    }

    /// <summary>Enters the queue, and ends as the images do.</summary>
    /// <exception cref="AdmissionRefusedException">Not let in, or displaced by another client's request before anything ran.</exception>
    /// <exception cref="OperationCanceledException">Cancelled or expired before all of it had begun.</exception>
    public async Task RunAsync()
    {
        AdmissionControl queue = _job.Model.Queue;
        if (queue.Enter(this) is { } refusal)
        {
            Fail(new AdmissionRefusedException(refusal), Images);
        }

        await using (_cancellation.UnsafeRegister(static ticket => ((ImageTicket)ticket!).GiveUp(), this).ConfigureAwait(false))
        {
            await _ended.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Runs an image whose turn has come; what it throws ends the request, not the thread.</summary>
    /// <param name="image">Which.</param>
    /// <param name="buffers">For this image alone.</param>
    /// <returns>FLOPs that it was planned to cost at the effort that it ran at; 0 where it did not run.</returns>
    public long Run(int image, ClassifyBuffers buffers)
    {
        TimeSpan waited = Stopwatch.GetElapsedTime(_entered);
        ImageTrace? trace = _traces?[image];
        trace?.EndQueue();
        try
        {
            return _run(image, buffers, waited, _cancellation);
        }
        catch (Exception exception)
        {
            Fail(exception, _job.Model.Queue.Withdraw(this));
            return 0;
        }
        finally
        {
            trace?.End();
        }
    }

    /// <summary>An image's turn is over, and its slot is free again.</summary>
    public void End() => End(1);

    /// <inheritdoc/>
    protected override void Displace(AdmissionRefusal refusal) => Fail(new AdmissionRefusedException(refusal), Images);

    /// <inheritdoc/>
    protected override void Expire(int images) => Fail(new DeadlineExpiredException(), images);

    private void GiveUp()
    {
        if (_job.Model.Queue.Withdraw(this) is > 0 and int images)
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
