using LCNet.Bundles;
using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Batching;

/// <summary>Gathers the images of its sessions into batches, which run one after another. What a GPU does best: alone, an image leaves most of it idle. Thread-safe.</summary>
internal sealed class BatchEngine : IDisposable
{
    private readonly OnnxBatchExecutor _executor;
    private readonly OnnxBatchLane? _lane;
    private readonly DynamicBatcher _batcher;
    private readonly EffortCurve _efforts;

    /// <summary>Runs every segment in every shape that batches are padded to, and measures what they cost.</summary>
    /// <param name="executor">Owned, also where this throws.</param>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public BatchEngine(OnnxBatchExecutor executor, EngineOptions options)
    {
        _executor = executor;
        Bundle bundle = executor.Bundle;
        _efforts = new EffortCurve(bundle.Manifest.Calibration);
        try
        {
            _lane = executor.CreateLane(BatchWarmUp.Rows(options.MaxBatch).Most);
            DispatchCosts costs = BatchWarmUp.Run(bundle, _lane, options.MaxBatch);
            var dispatcher = new BatchDispatcher(bundle, _lane, costs, options.MaxBatch);
            double budget = options.FlopsBudget > 0 ? options.FlopsBudget : options.MaxBatch * _efforts.FlopsFor(1) / 2;
            _batcher = new DynamicBatcher(dispatcher.Run, new BatchQueue(options.MaxBatch, options.MaxDelay, budget, options.Time), options.MaxBatch, options.Time);
        }
        catch
        {
            _lane?.Dispose();
            _executor.Dispose();
            throw;
        }
    }

    /// <summary>A session whose images join the batches.</summary>
    public EngineSession CreateSession() => new BatchSession(_executor.Bundle, _batcher, _efforts);

    /// <inheritdoc/>
    public void Dispose()
    {
        _batcher.Dispose();
        _lane?.Dispose();
        _executor.Dispose();
    }
}
