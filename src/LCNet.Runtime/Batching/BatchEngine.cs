using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Batching;

/// <summary>Gathers the images of its sessions into batches. What a GPU does best: alone, an image leaves most of it idle. Thread-safe.</summary>
internal sealed class BatchEngine : IDisposable
{
    // On a GPU one batch is planned while another runs.
    private const int LanesOfADevice = 2;

    private readonly OnnxBatchExecutor _executor;
    private readonly List<OnnxBatchLane> _lanes = [];
    private readonly DynamicBatcher _batcher;
    private readonly EffortCurve _efforts;

    /// <summary>Runs every segment in every size that batches are padded to, and tries a GPU.</summary>
    /// <param name="executor">Owned, also where this throws.</param>
    /// <exception cref="DeviceException">The device has failed, or does not compute what the CPU does.</exception>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public BatchEngine(OnnxBatchExecutor executor, ComputeDevice device, EngineOptions options)
    {
        _executor = executor;
        Bundle bundle = executor.Bundle;
        _efforts = new EffortCurve(bundle.Manifest.Calibration);
        try
        {
            int lanes = device.IsCuda ? LanesOfADevice : 1;
            while (_lanes.Count < lanes)
            {
                _lanes.Add(executor.CreateLane());
            }

            BatchWarmUp.Run(bundle, _lanes[0], executor.Rows);
            BatchDispatcher[] dispatchers = [.. _lanes.Select(lane => new BatchDispatcher(bundle, lane, executor.Rows, options.MaxBatch))];
            if (device.IsCuda && options.SelfCheck)
            {
                DeviceCheck.Compare(bundle, dispatchers[0], options.MaxBatch, device.ToString(), options.Tf32 ? DeviceCheck.Tf32Tolerance : DeviceCheck.Tolerance);
                Times = DeviceCheck.Time(bundle, dispatchers[0], options.MaxBatch, device);
            }

            double budget = options.FlopsBudget > 0 ? options.FlopsBudget : options.MaxBatch * _efforts.FlopsFor(1) / 2;
            _batcher = new DynamicBatcher([.. dispatchers.Select(Runs)], new BatchQueue(options.MaxBatch, options.MaxDelay, budget, options.Time), options.MaxBatch, options.Time);
        }
        catch
        {
            DisposeLanes();
            throw;
        }
    }

    /// <summary>What a full batch takes; null where it was not timed.</summary>
    public BatchTimes? Times { get; }

    /// <summary>A session whose images join the batches.</summary>
    public EngineSession CreateSession() => new BatchSession(_executor.Bundle, _batcher, _executor.Images, _efforts);

    /// <inheritdoc/>
    public void Dispose()
    {
        _batcher.Dispose();
        DisposeLanes();
    }

    private Action<ReadOnlySpan<BatchImage>> Runs(BatchDispatcher dispatcher) => images =>
    {
        _executor.Device.Enter();
        dispatcher.Run(images);
    };

    private void DisposeLanes()
    {
        foreach (OnnxBatchLane lane in _lanes)
        {
            lane.Dispose();
        }

        _executor.Dispose();
    }
}
