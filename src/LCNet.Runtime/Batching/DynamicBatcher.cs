using System.Diagnostics;
using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Gathers images that are asked for one by one into batches, and runs these on threads of its own: one after another where there is one, else as many beside each other as there are, so that one is planned while another
/// runs. Thread-safe.
/// </summary>
internal sealed class DynamicBatcher : IDisposable
{
    private readonly BatchQueue _queue;
    private readonly TimeProvider _time;
    private readonly object _gate = new();
    private readonly ITimer _timer;
    private readonly Thread[] _threads;
    private bool _isStopping;

    /// <summary>Makes a batcher and starts its threads.</summary>
    /// <param name="runs">Each runs a batch, for one thread. What it throws is told to each image of that batch and to no other.</param>
    /// <param name="queue">Decides when a batch is taken; not used by anybody else.</param>
    public DynamicBatcher(IReadOnlyList<Action<ReadOnlySpan<BatchImage>>> runs, BatchQueue queue, int maxImages, TimeProvider time)
    {
        _queue = queue;
        _time = time;
        _timer = time.CreateTimer(static batcher => ((DynamicBatcher)batcher!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _threads = [.. runs.Select(run => new Thread(() => Work(run, new List<BatchItem>(maxImages), new BatchImage[maxImages])) { IsBackground = true, Name = "LCNet batches" })];
        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Number of images that wait for a batch.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>An item for the images of one session.</summary>
    public BatchItem CreateItem() => new(this);

    /// <summary>Runs an image as part of some batch, and waits for its end.</summary>
    /// <param name="item">From <see cref="CreateItem"/>; for one image at a time.</param>
    /// <param name="image">What to run; its trace is that of the caller.</param>
    /// <param name="estimate">FLOPs that it is expected to take.</param>
    /// <param name="cancellation">Gives up waiting and frees its place; an image whose batch has begun runs to its end.</param>
    /// <exception cref="OperationCanceledException">Cancelled before its batch began.</exception>
    /// <exception cref="ObjectDisposedException">The batcher has been disposed of.</exception>
    public void Run(BatchItem item, in BatchImage image, double estimate, CancellationToken cancellation)
    {
        Begin(item, image, estimate, cancellation);
        End(item, cancellation);
    }

    /// <summary>Begins to wait for a batch.</summary>
    internal void Begin(BatchItem item, in BatchImage image, double estimate, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Activity? caller = Activity.Current;
        item.Begin(image with { Trace = caller?.Context ?? default }, estimate, _time.GetTimestamp());
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, this);
            item.Wait = ImageActivities.StartQueue("batch");
            Activity.Current = caller;
            _queue.Add(item);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Waits for the end of what has begun.</summary>
    internal static void End(BatchItem item, CancellationToken cancellation)
    {
        using (cancellation.UnsafeRegister(static (waiting, token) => ((BatchItem)waiting!).Batcher!.Cancel((BatchItem)waiting, token), item))
        {
            item.End();
        }
    }

    /// <summary>Stops once the batches that run have ended. Images that still wait fail.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _timer.Dispose();
    }

    private void Cancel(BatchItem item, CancellationToken token)
    {
        lock (_gate)
        {
            if (!_queue.Remove(item))
            {
                return;
            }

            // The batch that it kept from closing may be another one now.
            Monitor.Pulse(_gate);
        }

        item.Fail(new OperationCanceledException(token));
    }

    private void Wake()
    {
        lock (_gate)
        {
            Monitor.Pulse(_gate);
        }
    }

    private void Work(Action<ReadOnlySpan<BatchImage>> run, List<BatchItem> batch, BatchImage[] images)
    {
        while (Take(batch))
        {
            Run(run, batch, images);
        }

        foreach (BatchItem item in batch)
        {
            item.Fail(new ObjectDisposedException(nameof(DynamicBatcher)));
        }
    }

    // Waits for the next batch. Without one, when stopping, what still waits is left in its place.
    private bool Take(List<BatchItem> batch)
    {
        lock (_gate)
        {
            while (!_isStopping)
            {
                if (_queue.TryTake(batch, out TimeSpan wait))
                {
                    // What still waits may be another batch, for another thread.
                    Monitor.Pulse(_gate);
                    return true;
                }

                // Timers know whole milliseconds and cut off the rest: rounded up, this one does not go off before it is time.
                _timer.Change(wait < TimeSpan.Zero ? wait : TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
                Monitor.Wait(_gate);
            }

            _queue.TakeAll(batch);
            return false;
        }
    }

    private void Run(Action<ReadOnlySpan<BatchImage>> run, List<BatchItem> batch, BatchImage[] images)
    {
        long began = _time.GetTimestamp();

        // What lies together goes to the device in one copy; the order of a batch means nothing else.
        batch.Sort(static (a, b) => a.Image.Staged.CompareTo(b.Image.Staged));
        for (int i = 0; i < batch.Count; i++)
        {
            batch[i].Wait?.Dispose();
            images[i] = batch[i].Image;
        }

        // Ending the wait of an image makes its caller's span this thread's.
        Activity.Current = null;
        Exception? failure = null;
        try
        {
            run(images.AsSpan(0, batch.Count));
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        TimeSpan took = _time.GetElapsedTime(began);
        foreach (BatchItem item in batch)
        {
            item.Image.Result.QueueTime = _time.GetElapsedTime(item.Queued, began);
            item.Image.Result.ExecuteTime = took;
            if (failure is null)
            {
                item.Succeed();
            }
            else
            {
                item.Fail(failure);
            }
        }

        Array.Clear(images);
    }
}
