using LCNet.Bundles;

namespace LCNet.Runtime;

/// <summary>Gathers images into batches, which run one after another. What a GPU does best: alone, an image leaves most of it idle.</summary>
internal sealed class BatchRunner : IImageRunner
{
    private readonly OnnxBatchExecutor _executor;
    private readonly OnnxBatchLane? _lane;
    private readonly DynamicBatcher _batcher;
    private readonly EffortCurve _efforts;

    /// <summary>Runs every segment in every shape that batches are padded to, and measures what they cost.</summary>
    /// <param name="executor">Owned.</param>
    /// <param name="options">How batches are made.</param>
    /// <exception cref="BundleException">A segment does not run; the message names its file.</exception>
    public BatchRunner(OnnxBatchExecutor executor, EngineOptions options)
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
            var queue = new BatchQueue(options.MaxBatch, options.MaxDelay, budget, options.Time);
            _batcher = new DynamicBatcher(dispatcher.Run, queue, options.MaxBatch, options.MaxQueue, options.Time);
        }
        catch
        {
            _lane?.Dispose();
            _executor.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Device => _executor.Device.ToString();

    /// <inheritdoc/>
    public ExecutorKind Kind => ExecutorKind.Batched;

    /// <inheritdoc/>
    public int Waiting => _batcher.Waiting;

    /// <inheritdoc/>
    public ValueTask RunAsync(ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation) =>
        _batcher.RunAsync(new BatchImage(image, effort, cap, result, default), Math.Min(cap, _efforts.FlopsFor(effort)), cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        _batcher.Dispose();
        _lane?.Dispose();
        _executor.Dispose();
    }
}
