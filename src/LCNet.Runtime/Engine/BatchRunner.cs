using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Engine;

/// <summary>Runs batches that the caller puts together, one at a time, the way that an engine on a GPU runs those that it gathers: for measuring. Not thread-safe.</summary>
public sealed class BatchRunner : IDisposable
{
    private readonly OnnxBatchExecutor _executor;
    private readonly OnnxBatchLane? _lane;
    private readonly BatchDispatcher _dispatcher;
    private readonly BatchImage[] _images;

    /// <summary>Loads a bundle and runs every segment once.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="maxImages">Most images of a batch, 1 to 256.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">A segment cannot be loaded or run; the message names its file.</exception>
    public BatchRunner(Bundle bundle, ComputeDevice device, int maxImages)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxImages, 1);
        _executor = new OnnxBatchExecutor(bundle, device, new FixedSizes(maxImages));
        try
        {
            _lane = _executor.CreateLane();
            BatchWarmUp.Run(bundle, _lane, _executor.Rows);
            _dispatcher = new BatchDispatcher(bundle, _lane, _executor.Rows, maxImages);
            _images = new BatchImage[maxImages];
            for (int i = 0; i < maxImages; i++)
            {
                _executor.Images.Rent(out nint staged);
                _images[i] = new BatchImage(ReadOnlyMemory<float>.Empty, 1, Planner.NoCap, new InferenceResult(bundle.Manifest), default, Staged: staged);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Operations that the device has been given: those of the graphs that ran, and copies. What ONNX Runtime runs without one, or as several, is counted as one.</summary>
    public long Operations => _lane!.Operations;

    /// <summary>How often the host has waited for the device.</summary>
    public long Synchronisations => _lane!.Synchronisations;

    /// <summary>Writes an image where the device copies it from; it stays until another is written.</summary>
    /// <param name="place">From 0.</param>
    /// <param name="image">The network's input, 3 × height × width values.</param>
    public unsafe void Write(int place, ReadOnlySpan<float> image) =>
        image.CopyTo(new Span<float>((void*)_images[place].Staged, _executor.Bundle.Manifest.Input.Length));

    /// <summary>Runs the first images that were written.</summary>
    /// <param name="effort">In (0, 1].</param>
    public void Run(int count, double effort)
    {
        for (int i = 0; i < count; i++)
        {
            _images[i] = _images[i] with { Effort = effort };
        }

        _executor.Device.Enter();
        _dispatcher.Run(_images.AsSpan(0, count));
    }

    /// <summary>What an image of the latest batch came to.</summary>
    public InferenceResult Result(int place) => _images[place].Result;

    /// <inheritdoc/>
    public void Dispose()
    {
        _lane?.Dispose();
        _executor.Dispose();
    }
}
