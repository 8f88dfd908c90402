namespace LCNet.Training.Data;

/// <summary>Labelled images of one size, held in memory as RGB bytes. Immutable and thread-safe.</summary>
public sealed class ImageSet
{
    private readonly byte[] _pixels;
    private readonly int[] _labels;

    /// <summary>Wraps pixels that are already decoded.</summary>
    /// <param name="pixels">N × size × size × 3 bytes, row-major, RGB.</param>
    /// <param name="labels">N class indices.</param>
    /// <param name="size">Height and width in pixels.</param>
    /// <param name="classes">Class names, in the order of the indices.</param>
    /// <exception cref="ArgumentException">The lengths do not fit, or a label is out of range.</exception>
    public ImageSet(byte[] pixels, int[] labels, int size, IReadOnlyList<string> classes)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classes);
        if (pixels.LongLength != (long)labels.Length * size * size * 3)
        {
            throw new ArgumentException($"{labels.Length} images of {size}×{size} take {(long)labels.Length * size * size * 3} bytes, not {pixels.LongLength}.", nameof(pixels));
        }

        int bad = Array.FindIndex(labels, label => label < 0 || label >= classes.Count);
        if (bad >= 0)
        {
            throw new ArgumentException($"Image {bad} has label {labels[bad]}; there are {classes.Count} classes.", nameof(labels));
        }

        _pixels = pixels;
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

    /// <summary>Pixels of an image: size × size × 3 bytes, row-major, RGB.</summary>
    public ReadOnlySpan<byte> Pixels(int index) => _pixels.AsSpan(index * Size * Size * 3, Size * Size * 3);

    /// <summary>The images at the given places, in that order.</summary>
    public ImageSet Take(IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        byte[] pixels = new byte[(long)indices.Count * Size * Size * 3];
        int[] labels = new int[indices.Count];
        for (int i = 0; i < indices.Count; i++)
        {
            Pixels(indices[i]).CopyTo(pixels.AsSpan(i * Size * Size * 3));
            labels[i] = _labels[indices[i]];
        }

        return new ImageSet(pixels, labels, Size, Classes);
    }
}
