using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;

namespace LCNet.Runtime.Engine;

/// <summary>
/// The network of one bundle on one device. Images run in sessions: on a CPU each image by itself, on the thread of its session; on a GPU the images of all sessions are gathered into batches. Thread-safe.
/// </summary>
public sealed class InferenceEngine : IDisposable
{
    private const int MaxBatchLimit = 256;

    private readonly Func<EngineSession> _createSession;
    private readonly IDisposable _executor;
    private EngineSession? _first;

    // Makes the first session, which tries every segment.
    private InferenceEngine(Bundle bundle, string device, ExecutorKind kind, IDisposable executor, Func<EngineSession> createSession)
    {
        (Bundle, Device, Executor, _executor, _createSession) = (bundle, device, kind, executor, createSession);
        Efforts = new EffortCurve(bundle.Manifest.Calibration);
        try
        {
            _first = createSession();
        }
        catch
        {
            executor.Dispose();
            throw;
        }
    }

    /// <summary>The network.</summary>
    public Bundle Bundle { get; }

    /// <summary>What each effort costs.</summary>
    public EffortCurve Efforts { get; }

    /// <summary>Where it runs, for example <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string Device { get; }

    /// <summary>The executor that runs the segments.</summary>
    public ExecutorKind Executor { get; }

    /// <summary>Why <see cref="ExecutorKind.Auto"/> could not take the fastest executor for the device; null where it did, or was not asked.</summary>
    public string? Fallback { get; private init; }

    /// <summary>What a full batch takes, with gates and without; null where images run by themselves or nothing was timed (<see cref="EngineOptions.SelfCheck"/>).</summary>
    public BatchTimes? Times { get; private init; }

    /// <summary>Loads a bundle and runs every segment, so that the first request finds it warm.</summary>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">A segment cannot be loaded or run; the message names its file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static InferenceEngine Load(Bundle bundle, EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxBatch, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxBatch, MaxBatchLimit);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxDelay, EngineOptions.MaxDelayLimit);
        ArgumentOutOfRangeException.ThrowIfNegative(options.FlopsBudget);
        var device = ComputeDevice.Parse(options.Device);
        if (options.Executor == ExecutorKind.Batched || (options.Executor == ExecutorKind.Auto && device.IsCuda))
        {
            try
            {
                var batches = new BatchEngine(new OnnxBatchExecutor(bundle, device, new FixedSizes(options.MaxBatch), options.Tf32), device, options);
                return new InferenceEngine(bundle, device.ToString(), ExecutorKind.Batched, batches, batches.CreateSession) { Times = batches.Times };
            }
            catch (BundleException exception) when (options.Executor == ExecutorKind.Auto)
            {
                // Its graphs are of another form than those that lcnet writes.
                return Load(bundle, new OnnxExecutor(bundle, device, options.Tf32), exception.Message);
            }
        }

        return Load(bundle, CreateExecutor(bundle, device, options, out string? fallback), fallback);
    }

    /// <summary>Runs a bundle on an executor of the caller's, each image by itself. Every segment is run once.</summary>
    /// <param name="executor">For the same bundle; owned from here on, also where this throws.</param>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public static InferenceEngine Load(Bundle bundle, ISegmentExecutor executor)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(executor);
        return Load(bundle, executor, fallback: null);
    }

    /// <summary>A result that fits this network, to be reused.</summary>
    public InferenceResult CreateResult() => new(Bundle.Manifest);

    /// <summary>A session, to be used by one thread at a time and to be disposed before this engine. It takes memory for the activations of one image.</summary>
    public EngineSession CreateSession() => Interlocked.Exchange(ref _first, null) ?? _createSession();

    /// <summary>Frees the network. Call it once nothing runs.</summary>
    public void Dispose()
    {
        _first?.Dispose();
        _executor.Dispose();
    }

    private static InferenceEngine Load(Bundle bundle, ISegmentExecutor executor, string? fallback) =>
        new(bundle, executor.Device, executor is SimdExecutor ? ExecutorKind.Simd : ExecutorKind.OnnxRuntime, executor, () => new LaneSession(bundle, executor.CreateLane()))
        {
            Fallback = fallback,
        };

    private static ISegmentExecutor CreateExecutor(Bundle bundle, ComputeDevice device, EngineOptions options, out string? fallback)
    {
        ExecutorKind kind = options.Executor;
        fallback = null;
        if (kind == ExecutorKind.Simd && device.IsCuda)
        {
            throw new DeviceException($"{device} cannot be used: the SIMD executor runs on the CPU only.");
        }

        if (kind == ExecutorKind.OnnxRuntime)
        {
            return new OnnxExecutor(bundle, device, options.Tf32);
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
