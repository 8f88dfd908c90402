using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>
/// Runs the network of one bundle. On a CPU as many images run at a time as there are workers, each by itself; on a GPU images are gathered into batches. The others wait
/// in order. Thread-safe.
/// </summary>
public sealed class InferenceEngine : IDisposable
{
    private const int MaxBatchLimit = 256;

    private readonly IImageRunner _runner;

    private InferenceEngine(Bundle bundle, IImageRunner runner, string? fallback = null)
    {
        Fallback = fallback;
        Bundle = bundle;
        Efforts = new EffortCurve(bundle.Manifest.Calibration);
        _runner = runner;
    }

    /// <summary>The network.</summary>
    public Bundle Bundle { get; }

    /// <summary>What each effort costs.</summary>
    public EffortCurve Efforts { get; }

    /// <summary>Where it runs, for example <c>cpu</c>.</summary>
    public string Device => _runner.Device;

    /// <summary>What runs its segments.</summary>
    public ExecutorKind Executor => _runner.Kind;

    /// <summary>Why <see cref="ExecutorKind.Auto"/> could not take the fastest executor for the device; null where it did, or was not asked.</summary>
    public string? Fallback { get; }

    /// <summary>Images that wait for a worker or a batch now, for a moment also one that is being refused.</summary>
    public int Waiting => _runner.Waiting;

    /// <summary>Loads a bundle and runs every segment, so that the first request finds it warm.</summary>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">A segment cannot be loaded or run; the message names its file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static InferenceEngine Load(Bundle bundle, EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Workers);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxQueue);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxBatch, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxBatch, MaxBatchLimit);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxDelay, EngineOptions.MaxDelayLimit);
        ArgumentOutOfRangeException.ThrowIfNegative(options.FlopsBudget);
        return new InferenceEngine(bundle, CreateRunner(bundle, options, out string? fallback), fallback);
    }

    /// <summary>Runs a bundle on an executor of the caller's, each image by itself. Every segment is run once.</summary>
    /// <param name="bundle">The network.</param>
    /// <param name="executor">For the same bundle; owned from here on, also where this throws.</param>
    /// <param name="workers">Images that run at the same time, at least 1.</param>
    /// <param name="maxQueue">Images that may wait for a worker, at least 0; one more is refused.</param>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public static InferenceEngine Load(Bundle bundle, ISegmentExecutor executor, int workers, int maxQueue)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(executor);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(maxQueue);
        return new InferenceEngine(bundle, new WorkerRunner(bundle, executor, workers, maxQueue));
    }

    /// <summary>A result that fits this network, to be reused.</summary>
    public InferenceResult CreateResult() => new(Bundle.Manifest);

    /// <summary>
    /// Runs one image: where workers run images, once one is free, on the calling thread where that is at once, else on one of the thread pool; where there are batches, as part of
    /// the next one that has room.
    /// </summary>
    /// <param name="image">The network's input, 3 × height × width finite values.</param>
    /// <param name="effort">In (0, 1].</param>
    /// <param name="cap">Most FLOPs, at least <see cref="FlopsModel.Minimum"/>; <see cref="Planner.NoCap"/> for none.</param>
    /// <param name="result">From <see cref="CreateResult"/>; filled in.</param>
    /// <param name="cancellation">Gives up waiting; an image that has begun runs to its end.</param>
    /// <exception cref="QueueFullException">Too many images wait already.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before it ran.</exception>
    /// <exception cref="ArgumentException">The image has another length, or effort or cap is out of range.</exception>
    public ValueTask RunAsync(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation)
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
        return _runner.RunAsync(image, effort, cap, result, cancellation);
    }

    /// <summary>Frees the network. Call it once nothing runs.</summary>
    public void Dispose() => _runner.Dispose();

    private static IImageRunner CreateRunner(Bundle bundle, EngineOptions options, out string? fallback)
    {
        fallback = null;
        var device = ComputeDevice.Parse(options.Device);
        if (options.Executor == ExecutorKind.Batched || (options.Executor == ExecutorKind.Auto && device.IsCuda))
        {
            return new BatchRunner(new OnnxBatchExecutor(bundle, device), options);
        }

        int workers = options.Workers > 0 ? options.Workers : device.IsCuda ? 1 : Environment.ProcessorCount;
        return new WorkerRunner(bundle, CreateExecutor(bundle, device, options.Executor, out fallback), workers, options.MaxQueue);
    }

    private static ISegmentExecutor CreateExecutor(Bundle bundle, ComputeDevice device, ExecutorKind kind, out string? fallback)
    {
        fallback = null;
        if (kind == ExecutorKind.Simd && device.IsCuda)
        {
            throw new DeviceException($"{device} cannot be used: the SIMD executor runs on the CPU only.");
        }

        if (kind == ExecutorKind.OnnxRuntime)
        {
            return new OnnxExecutor(bundle, device);
        }

        try
        {
            return new SimdExecutor(bundle);
        }
        catch (BundleException exception) when (kind == ExecutorKind.Auto)
        {
            // Its graphs are of another form than those that lcnet writes.
            fallback = exception.Message;
            return new OnnxExecutor(bundle, device);
        }
    }
}
