using System.Buffers;
using System.Collections.Concurrent;
using LCNet.Imaging;

namespace LCNet.Training.Data;

/// <summary>Pixels of image files, decoded when they are asked for. What was decoded is kept as long as there is room for it, and never given up again.</summary>
internal sealed class FilePixels : PixelSource
{
    // An eighth more than the input, as is usual (224 of 256): a photo is cropped at random from this.
    private const double WholeScale = 8.0 / 7;
    private const int ProblemsShown = 1000;

    // Training reads its owner's files, so only what cannot be decoded at once is refused.
    private static readonly ImageLimits Limits = new() { MaxBytes = int.MaxValue, MaxPixels = 1 << 28 };

    private readonly IReadOnlyList<string> _files;
    private readonly int _size;
    private readonly long _cacheBytes;
    private readonly ImageSummary[] _summaries;
    private readonly ConcurrentDictionary<int, byte[]> _pixels = new();
    private readonly ConcurrentDictionary<int, RgbImage> _whole = new();
    private long _cached;

    /// <summary>Decodes every file once, on all cores.</summary>
    /// <param name="size">Height and width of what <see cref="Pixels"/> gives.</param>
    /// <param name="cacheBytes">How many bytes of decoded pixels are kept at most.</param>
    /// <exception cref="InvalidDataException">Files cannot be decoded; the message names all of them, a line each.</exception>
    public FilePixels(IReadOnlyList<string> files, int size, long cacheBytes)
    {
        _files = files;
        _size = size;
        _cacheBytes = cacheBytes;
        _summaries = new ImageSummary[files.Count];
        bool isKept = (long)files.Count * size * size * 3 <= cacheBytes;
        var problems = new ConcurrentDictionary<int, string>();
        Parallel.For(0, files.Count, index =>
        {
            try
            {
                byte[] pixels = Decode(index);
                _summaries[index] = ImageSummary.Of(pixels);
                if (isKept)
                {
                    Keep(_pixels, index, pixels, pixels.Length);
                }
            }
            catch (InvalidDataException exception)
            {
                problems[index] = exception.Message;
            }
        });
        if (!problems.IsEmpty)
        {
            string more = problems.Count > ProblemsShown ? $"\nand {problems.Count - ProblemsShown} more." : string.Empty;
            throw new InvalidDataException(string.Join('\n', problems.OrderBy(problem => problem.Key).Take(ProblemsShown).Select(problem => problem.Value)) + more);
        }
    }

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Pixels(int index)
    {
        if (!_pixels.TryGetValue(index, out byte[]? pixels))
        {
            pixels = Decode(index);
            Keep(_pixels, index, pixels, pixels.Length);
        }

        return pixels;
    }

    /// <inheritdoc/>
    public override RgbImage Whole(int index)
    {
        if (!_whole.TryGetValue(index, out RgbImage? image))
        {
            image = Read(index, file => ImageDecoder.DecodeWhole(file, (int)Math.Round(_size * WholeScale), Limits));
            Keep(_whole, index, image, image.Rgb.Length);
        }

        return image;
    }

    /// <inheritdoc/>
    public override ImageSummary Summary(int index) => _summaries[index];

    private void Keep<T>(ConcurrentDictionary<int, T> cache, int index, T value, int bytes)
    {
        if (Interlocked.Add(ref _cached, bytes) > _cacheBytes || !cache.TryAdd(index, value))
        {
            Interlocked.Add(ref _cached, -bytes);
        }
    }

    private byte[] Decode(int index) => Read(index, file =>
    {
        byte[] pixels = new byte[_size * _size * 3];
        ImageDecoder.Decode(file, _size, _size, Limits, pixels);
        return pixels;
    });

    private T Read<T>(int index, Decoder<T> decode)
    {
        byte[] rented = [];
        try
        {
            using var file = File.OpenHandle(_files[index], options: FileOptions.SequentialScan);
            int length = checked((int)RandomAccess.GetLength(file));
            rented = ArrayPool<byte>.Shared.Rent(length);
            int read = 0;
            for (int more = -1; more != 0 && read < length; read += more)
            {
                more = RandomAccess.Read(file, rented.AsSpan(read, length - read), read);
            }

            return decode(rented.AsSpan(0, read));
        }
        catch (Exception exception) when (exception is ImageFormatException or IOException or UnauthorizedAccessException or OverflowException)
        {
            throw new InvalidDataException($"{_files[index]}: {exception.Message}", exception);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private delegate T Decoder<T>(ReadOnlySpan<byte> file);
}
