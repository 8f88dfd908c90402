using LCNet.Imaging;

namespace LCNet.Server;

/// <summary>
/// Decodes images to networks' inputs, as many at a time as there are processor cores, whatever the number of models: a large image takes
/// much memory while it is decoded, and more at a time would not be faster. Thread-safe.
/// </summary>
internal sealed class ImageReader : IDisposable
{
    private readonly SemaphoreSlim _free = new(Environment.ProcessorCount);

    /// <summary>Reads an image into <see cref="ClassifyBuffers.Input"/>.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <param name="buffers">Of the network that the image is for.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <exception cref="ImageFormatException">Not a readable image, or over a limit.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before it began.</exception>
    public void Read(ReadOnlyMemory<byte> encoded, ClassifyBuffers buffers, CancellationToken cancellation)
    {
        _free.Wait(cancellation);
        try
        {
            buffers.Reader.Read(encoded.Span, buffers.Input);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _free.Dispose();
}
