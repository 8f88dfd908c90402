using System.Diagnostics;
using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>Runs as many images at a time as it has workers, each by itself; the others wait in order. What a CPU does best: a core gains nothing by a batch.</summary>
internal sealed class WorkerRunner : IImageRunner
{
    private readonly ISegmentExecutor _executor;
    private readonly List<ISegmentLane> _lanes = [];
    private readonly ResourcePool<Dispatcher> _workers;

    /// <summary>Makes the workers and runs every segment once on each.</summary>
    /// <param name="bundle">The network.</param>
    /// <param name="executor">For the same bundle; owned.</param>
    /// <param name="workers">At least 1.</param>
    /// <param name="maxQueue">Images that may wait, at least 0.</param>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public WorkerRunner(Bundle bundle, ISegmentExecutor executor, int workers, int maxQueue)
    {
        _executor = executor;
        try
        {
            _workers = new ResourcePool<Dispatcher>(Enumerable.Range(0, workers).Select(_ => CreateWorker(bundle)), maxQueue);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Device => _executor.Device;

    /// <inheritdoc/>
    public ExecutorKind Kind => _executor is SimdExecutor ? ExecutorKind.Simd : ExecutorKind.OnnxRuntime;

    /// <inheritdoc/>
    public int Waiting => _workers.Waiting;

    /// <inheritdoc/>
    public async ValueTask RunAsync(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation)
    {
        long queued = Stopwatch.GetTimestamp();
        Dispatcher worker;
        using (ImageActivities.StartQueue("worker"))
        {
            worker = await _workers.RentAsync(cancellation).ConfigureAwait(false);
        }

        try
        {
            long started = Stopwatch.GetTimestamp();
            worker.Run(image.Span, effort, cap, result);
            result.QueueTime = Stopwatch.GetElapsedTime(queued, started);
            result.ExecuteTime = Stopwatch.GetElapsedTime(started);
        }
        finally
        {
            _workers.Return(worker);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ISegmentLane lane in _lanes)
        {
            lane.Dispose();
        }

        _lanes.Clear();
        _executor.Dispose();
    }

    private Dispatcher CreateWorker(Bundle bundle)
    {
        ISegmentLane lane = _executor.CreateLane();
        _lanes.Add(lane);
        Dispatcher.WarmUp(bundle, lane);
        return new Dispatcher(bundle, lane);
    }
}
