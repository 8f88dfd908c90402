using System.Diagnostics;
using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>Runs the network of one bundle: as many images at a time as it has workers, the others wait in order. Thread-safe.</summary>
public sealed class InferenceEngine : IDisposable
{
    private readonly ISegmentExecutor _executor;
    private readonly List<ISegmentLane> _lanes = [];
    private readonly ResourcePool<Dispatcher> _workers;

    private InferenceEngine(Bundle bundle, ISegmentExecutor executor, int workers, int maxQueue)
    {
        Bundle = bundle;
        Efforts = new EffortCurve(bundle.Manifest.Calibration);
        _executor = executor;
        try
        {
            _workers = new ResourcePool<Dispatcher>(Enumerable.Range(0, workers).Select(_ => CreateWorker()), maxQueue);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The network.</summary>
    public Bundle Bundle { get; }

    /// <summary>What each effort costs.</summary>
    public EffortCurve Efforts { get; }

    /// <summary>Where it runs, for example <c>cpu</c>.</summary>
    public string Device => _executor.Device;

    /// <summary>What runs its segments.</summary>
    public ExecutorKind Executor => _executor is SimdExecutor ? ExecutorKind.Simd : ExecutorKind.OnnxRuntime;

    /// <summary>Images that wait for a worker now, for a moment also one that is being refused.</summary>
    public int Waiting => _workers.Waiting;

    /// <summary>Loads a bundle and runs every segment once, so that the first request finds it warm.</summary>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">A segment cannot be loaded or run; the message names its file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static InferenceEngine Load(Bundle bundle, EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Workers);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxQueue);
        var device = ComputeDevice.Parse(options.Device);
        int workers = options.Workers > 0 ? options.Workers : device.IsCuda ? 1 : Environment.ProcessorCount;
        return new InferenceEngine(bundle, CreateExecutor(bundle, device, options.Executor), workers, options.MaxQueue);
    }

    /// <summary>A result that fits this network, to be reused.</summary>
    public InferenceResult CreateResult() => new(Bundle.Manifest);

    /// <summary>Runs one image once a worker is free: on the calling thread where one is free at once, else on one of the thread pool.</summary>
    /// <param name="image">The network's input, 3 × height × width finite values.</param>
    /// <param name="effort">In (0, 1].</param>
    /// <param name="cap">Most FLOPs, at least <see cref="FlopsModel.Minimum"/>; <see cref="Planner.NoCap"/> for none.</param>
    /// <param name="result">From <see cref="CreateResult"/>; filled in.</param>
    /// <param name="cancellation">Gives up waiting; an image that has begun runs to its end.</param>
    /// <exception cref="QueueFullException">Too many images wait already.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before it ran.</exception>
    /// <exception cref="ArgumentException">The image has another length, or effort or cap is out of range.</exception>
    public async ValueTask RunAsync(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (image.Length != Bundle.Manifest.Input.Length)
        {
            throw new ArgumentException($"{image.Length} values; the network takes {Bundle.Manifest.Input.Length}.", nameof(image));
        }

        if (!(effort > 0 && effort <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(effort), effort, "Effort lies in (0, 1].");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(cap, Bundle.Flops.Minimum);
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

    /// <summary>Frees the network. Call it once nothing runs.</summary>
    public void Dispose()
    {
        foreach (ISegmentLane lane in _lanes)
        {
            lane.Dispose();
        }

        _lanes.Clear();
        _executor.Dispose();
    }

    private static ISegmentExecutor CreateExecutor(Bundle bundle, ComputeDevice device, ExecutorKind kind)
    {
        if (kind == ExecutorKind.Simd && device.IsCuda)
        {
            throw new DeviceException($"{device} cannot be used: the SIMD executor runs on the CPU only.");
        }

        if (kind == ExecutorKind.OnnxRuntime || device.IsCuda)
        {
            return new OnnxExecutor(bundle, device);
        }

        try
        {
            return new SimdExecutor(bundle);
        }
        catch (BundleException) when (kind == ExecutorKind.Auto)
        {
            // Its graphs are of another form than those that lcnet writes.
            return new OnnxExecutor(bundle, device);
        }
    }

    private Dispatcher CreateWorker()
    {
        ISegmentLane lane = _executor.CreateLane();
        _lanes.Add(lane);
        Dispatcher.WarmUp(Bundle, lane);
        return new Dispatcher(Bundle, lane);
    }
}
