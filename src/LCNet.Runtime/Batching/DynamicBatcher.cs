using System.Diagnostics;
using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Batching;

/// <summary>Gathers images that are asked for one by one into batches, and runs these one after another on a thread of its own. Thread-safe.</summary>
internal sealed class DynamicBatcher : IDisposable
{
    private readonly Action<ReadOnlySpan<BatchImage>> _run;
    private readonly BatchQueue _queue;
    private readonly TimeProvider _time;
    private readonly object _gate = new();
    private readonly List<BatchItem> _batch;
    private readonly BatchImage[] _images;
    private readonly ITimer _timer;
    private readonly Thread _thread;
    private bool _isStopping;

    /// <summary>Makes a batcher and starts its thread.</summary>
    /// <param name="run">Runs a batch. What it throws is told to each image of that batch and to no other.</param>
    /// <param name="queue">Decides when a batch is taken; not used by anybody else.</param>
    public DynamicBatcher(Action<ReadOnlySpan<BatchImage>> run, BatchQueue queue, int maxImages, TimeProvider time)
    {
        _run = run;
        _queue = queue;
        _time = time;
        _batch = new List<BatchItem>(maxImages);
        _images = new BatchImage[maxImages];
        _timer = time.CreateTimer(static batcher => ((DynamicBatcher)batcher!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _thread = new Thread(Work) { IsBackground = true, Name = "LCNet batches" };
        _thread.Start();
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

    /// <summary>Stops once the batch that runs has ended. Images that still wait fail.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
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

    private void Work()
    {
        while (Take())
        {
            Run();
        }

        foreach (BatchItem item in _batch)
        {
            item.Fail(new ObjectDisposedException(nameof(DynamicBatcher)));
        }
    }

    // Waits for the next batch. Without one, when stopping, what still waits is left in its place.
    private bool Take()
    {
        lock (_gate)
        {
            while (!_isStopping)
            {
                if (_queue.TryTake(_batch, out TimeSpan wait))
                {
                    return true;
                }

                // Timers know whole milliseconds and cut off the rest: rounded up, this one does not go off before it is time.
                _timer.Change(wait < TimeSpan.Zero ? wait : TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
                Monitor.Wait(_gate);
            }

            _queue.TakeAll(_batch);
            return false;
        }
    }

    private void Run()
    {
        long began = _time.GetTimestamp();
        for (int i = 0; i < _batch.Count; i++)
        {
            _batch[i].Wait?.Dispose();
            _images[i] = _batch[i].Image;
        }

        // Ending the wait of an image makes its caller's span this thread's.
        Activity.Current = null;
        Exception? failure = null;
        try
        {
            _run(_images.AsSpan(0, _batch.Count));
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        TimeSpan took = _time.GetElapsedTime(began);
        foreach (BatchItem item in _batch)
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

        Array.Clear(_images);
    }
}
