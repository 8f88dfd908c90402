using LCNet.Imaging;

namespace LCNet.Training.Data;

/// <summary>Labelled images of one size, in memory or in files that are decoded when they are asked for. Thread-safe.</summary>
public sealed class ImageSet
{
    private readonly PixelSource _source;
    private readonly int[] _labels;

    /// <summary>Wraps pixels that are already decoded.</summary>
    /// <param name="pixels">N × size × size × 3 bytes, row-major, RGB.</param>
    /// <param name="size">Height and width in pixels.</param>
    /// <param name="classes">Class names, in the order of the indices.</param>
    /// <exception cref="ArgumentException">The lengths do not fit, or a label is out of range.</exception>
    public ImageSet(byte[] pixels, int[] labels, int size, IReadOnlyList<string> classes)
        : this(new PixelArray(pixels, size), labels, size, classes)
    {
        if (pixels.LongLength != (long)labels.Length * size * size * 3)
        {
            throw new ArgumentException($"{labels.Length} images of {size}×{size} take {(long)labels.Length * size * size * 3} bytes, not {pixels.LongLength}.", nameof(pixels));
        }
    }

    internal ImageSet(PixelSource source, int[] labels, int size, IReadOnlyList<string> classes)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classes);
        int bad = Array.FindIndex(labels, label => label < 0 || label >= classes.Count);
        if (bad >= 0)
        {
            throw new ArgumentException($"Image {bad} has label {labels[bad]}; there are {classes.Count} classes.", nameof(labels));
        }

        _source = source;
        _labels = labels;
        Size = size;
        Classes = classes;
    }

    /// <summary>Number of images.</summary>
    public int Count => _labels.Length;

    /// <summary>Height and width in pixels.</summary>
    public int Size { get; }

    /// <summary>Class names, in the order of the labels.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Class index of an image.</summary>
    public int Label(int index) => _labels[index];

    /// <summary>Pixels of an image as a server would read them: size × size × 3 bytes, row-major, RGB.</summary>
    /// <exception cref="InvalidDataException">The image's file cannot be read any more; the message names it.</exception>
    public ReadOnlySpan<byte> Pixels(int index) => _source.Pixels(index);

    /// <summary>An image before it is cropped to a square.</summary>
    /// <exception cref="InvalidDataException">The image's file cannot be read any more; the message names it.</exception>
    internal RgbImage Whole(int index) => _source.Whole(index);

    /// <summary>What is known of an image's <see cref="Pixels"/>.</summary>
    internal ImageSummary Summary(int index) => _source.Summary(index);
}
