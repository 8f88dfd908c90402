using LCNet.Imaging;

namespace LCNet.Training.Data;

/// <summary>Where the pixels of an <see cref="ImageSet"/> come from. Thread-safe.</summary>
internal abstract class PixelSource
{
    /// <summary>An image as it is served: size × size × 3 bytes, row-major, RGB.</summary>
    public abstract ReadOnlySpan<byte> Pixels(int index);

    /// <summary>An image before it is cropped to a square, at about the resolution of the network's input.</summary>
    public abstract RgbImage Whole(int index);

    /// <summary>What is known of <see cref="Pixels"/>.</summary>
    public abstract ImageSummary Summary(int index);
}

/// <summary>Pixels of one size, one image after the other in memory.</summary>
internal sealed class PixelArray(byte[] pixels, int size) : PixelSource
{
    private readonly int _length = size * size * 3;

    public override ReadOnlySpan<byte> Pixels(int index) => pixels.AsSpan(index * _length, _length);

    public override RgbImage Whole(int index) => new(size, size, Pixels(index).ToArray());

    public override ImageSummary Summary(int index) => ImageSummary.Of(Pixels(index));
}
