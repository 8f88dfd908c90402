using LCNet.Bundles;
using LCNet.Imaging;

namespace LCNet.Server;

/// <summary>
/// Decodes images to networks' inputs, as many at a time as there are processor cores, whatever the number of models: a large image takes
/// much memory while it is decoded, and more at a time would not be faster. Thread-safe.
/// </summary>
internal sealed class ImageReader(ServerOptions options) : IDisposable
{
    private readonly SemaphoreSlim _free = new(Environment.ProcessorCount);
    private readonly ImageLimits _limits = options.ImageLimits;

    /// <summary>Decodes, resizes and normalises an image into <see cref="ClassifyBuffers.Input"/>.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <param name="input">What the network takes.</param>
    /// <param name="buffers">Of the same network.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <exception cref="ImageFormatException">Not a readable image, or over a limit.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before it began.</exception>
    public void Read(ReadOnlyMemory<byte> encoded, InputSpec input, ClassifyBuffers buffers, CancellationToken cancellation)
    {
        _free.Wait(cancellation);
        try
        {
            ImageDecoder.Decode(encoded.Span, input.Width, input.Height, _limits, buffers.Rgb);
        }
        finally
        {
            _free.Release();
        }

        Pixels.Normalise(buffers.Rgb, input.Mean, input.Std, buffers.Input);
    }

    /// <inheritdoc/>
    public void Dispose() => _free.Dispose();
}
